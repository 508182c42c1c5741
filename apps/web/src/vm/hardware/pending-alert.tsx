import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Alert, AlertActionLink } from '@patternfly/react-core';

import { useFieldWords } from './use-field-words.ts';

/** What the next start will bring, and the way back from it. */
export function PendingAlert({ vm, onRevert }: { vm: Vm; onRevert: () => void }) {
  const { t } = useLingui();
  const words = useFieldWords();
  if (vm.pending.length === 0) return null;
  return (
    <Alert
      variant="info"
      isInline
      title={t`Changes that wait for the next start of the VM`}
      actionLinks={<AlertActionLink onClick={onRevert}>{t`Revert`}</AlertActionLink>}
    >
      {vm.pending.map(({ field }) => words.name(field)).join(', ')}
    </Alert>
  );
}
