import { useLingui } from '@lingui/react/macro';

import type { ChangeEffect } from './change-effect.ts';
import type { Edit } from './edit.ts';
import { useFieldWords } from './use-field-words.ts';

/** Says before anything is saved when it will be in force. */
export function EffectNote({ edit, fields }: { edit: Edit; fields: readonly string[] }) {
  const { t } = useLingui();
  const words = useFieldWords();
  const sentences: Readonly<Record<ChangeEffect, (names: string) => string>> = {
    'saved': () => t`The VM does not run: its next start has it.`,
    'now': (names) => t`In force at once, if the guest takes it: ${names}`,
    'tried': (names) => t`In force at once where the running VM can take it, else at its next start: ${names}`,
    'next-start': (names) => t`Waits for the next start of the VM: ${names}`,
  };
  const groups = Map.groupBy(fields, (field) => edit.effect(field));
  const lines = (Object.keys(sentences) as ChangeEffect[]).flatMap((effect) => {
    const names = (groups.get(effect) ?? []).map(words.name);
    return names.length === 0 ? [] : [sentences[effect](names.join(', '))];
  });
  return (
    <div role="status" className="nk-effect">
      {lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      {groups.has(null) && <p>{t`In force at once.`}</p>}
    </div>
  );
}
