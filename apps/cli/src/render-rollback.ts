import type { RollbackResult } from '@nakhoda/schema';

import { printable, textTable, valueText } from './text.ts';

/** What went back with a rollback, field by field, and what the VM does not have any more; null where that is nothing. */
export function renderRollback({ changes, unused }: RollbackResult): string | null {
  const rows = changes.map(({ field, running, wanted }) => [field, valueText(running), valueText(wanted)]);
  const table = rows.length === 0 ? [] : [`Went back with it\n${textTable(['FIELD', 'WAS', 'IS'], rows)}`];
  const left =
    unused.length === 0
      ? []
      : [`Not used any more, and kept in the VM's folder (nakhoda disk unused VM): ${unused.map(printable).join(', ')}`];
  const parts = [...table, ...left];
  return parts.length === 0 ? null : parts.join('\n\n');
}
