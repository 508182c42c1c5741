import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';

import { changeVm } from '../../data/change-vm.ts';
import { Confirm } from '../../parts/confirm.tsx';
import { useFieldWords } from './use-field-words.ts';

/** Takes back what is pending, once it is said what that is. */
export function RevertDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useLingui();
  const words = useFieldWords();
  return (
    <Confirm title={t`Revert: ${vm.name}`} action={t`Revert`} onConfirm={() => changeVm(vm, { endpoint: 'vm.revert' })} onClose={onClose}>
      <p>{t`The VM that runs is not touched; what is wanted becomes again what it runs with:`}</p>
      <ul className="nk-plain-list">
        {vm.pending.map(({ field, running, wanted }) => (
          <li key={field} className="nk-isolate">
            {t`${words.name(field)}: not ${words.value(field, wanted)}, but ${words.value(field, running)}`}
          </li>
        ))}
      </ul>
    </Confirm>
  );
}
