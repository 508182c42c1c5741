import type { TaskLogLine } from '@nakhoda/schema';

import type { TaskStore } from './task-store.ts';

/** A line is cut after this many bytes of UTF-8. */
export const maxLineBytes = 4096;
/** After this many lines a task's log gets a last one that says so. */
export const maxLines = 2000;

const cutMark = ' … (cut)';
const fullNote = `The log has reached ${maxLines} lines; later lines are not kept.`;
// Lines come from guests and tools and are shown on terminals, which such characters would steer.
// oxlint-disable-next-line no-control-regex
const controlCharacters = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/gu;

/** Appends to one task's log, within its limits. */
export function createTaskLog(id: string, options: { store: TaskStore; now: () => string }): (text: string) => void {
  const { store, now } = options;
  let count: number | undefined;
  const append = (line: string): void => {
    count = (count ?? store.log(id, 0).length) + 1;
    if (count > maxLines + 1) return;
    const entry: TaskLogLine = { seq: count, at: now(), line: count > maxLines ? fullNote : line };
    store.appendLog(id, entry);
  };
  return (text) => {
    for (const line of text.replace(/\r?\n$/u, '').split(/\r\n|\r|\n/u)) append(cutLine(line.replace(controlCharacters, '\uFFFD')));
  };
}

/** At most `maxLineBytes` bytes, cut between characters. */
export function cutLine(line: string): string {
  const bytes = Buffer.from(line);
  if (bytes.length <= maxLineBytes) return line;
  let end = maxLineBytes - Buffer.byteLength(cutMark);
  // Bytes 10xxxxxx continue a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + cutMark;
}
