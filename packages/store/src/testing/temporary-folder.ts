import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of the test's own, with a new file name for each database. */
export function makeTemporaryFolder(): { path: string; newPath(): string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'nakhoda-store-'));
  let count = 0;
  return {
    path,
    newPath: () => join(path, `${(count += 1)}.db`),
    remove: () => rmSync(path, { recursive: true }),
  };
}
