import { useLingui } from '@lingui/react/macro';
import { Alert, AlertActionLink } from '@patternfly/react-core';

import type { Conflict } from './edit-conflict.ts';
import { useFieldWords } from './use-field-words.ts';

interface ConflictQuestionProps {
  readonly conflict: Conflict;
  onTake(): void;
  onKeep(): void;
}

/** Somebody changed the same field meanwhile: what it was, what it is now, what is typed here, and whose is to stay. */
export function ConflictQuestion({ conflict: { name, was, theirs, mine }, onTake, onKeep }: ConflictQuestionProps) {
  const { t } = useLingui();
  const words = useFieldWords();
  const field = words.name(name);
  return (
    <Alert
      isInline
      isLiveRegion
      variant="warning"
      title={t`Somebody changed this meanwhile: ${field}`}
      actionLinks={
        <>
          <AlertActionLink onClick={onTake}>{t`Take theirs`}</AlertActionLink>
          <AlertActionLink onClick={onKeep}>{t`Keep mine`}</AlertActionLink>
        </>
      }
    >
      <dl className="nk-difference">
        <dt>{t`It was`}</dt>
        <dd className="nk-isolate">{words.value(name, was)}</dd>
        <dt>{t`Theirs, now`}</dt>
        <dd className="nk-isolate">{words.value(name, theirs)}</dd>
        <dt>{t`Yours`}</dt>
        <dd className="nk-isolate">{words.value(name, mine)}</dd>
      </dl>
    </Alert>
  );
}
