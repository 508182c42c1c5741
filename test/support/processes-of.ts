import { readdir, readFile } from 'node:fs/promises';

import { processArgv, processRef, waitFor } from '@nakhoda/host';

/** The live processes that have the data folder in their command line or environment: a daemon, its guests, their helpers. */
export async function processesOf(data: string): Promise<{ pid: number; argv: string[] }[]> {
  const found: { pid: number; argv: string[] }[] = [];
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const argv = processArgv(pid) ?? [];
      const environment = await readFile(`/proc/${entry}/environ`, 'utf8');
      if ((argv.join(' ').includes(data) || environment.includes(data)) && processRef(pid) !== null) found.push({ pid, argv });
    } catch {
      // It has ended.
    }
  }
  return found;
}

/** Ends them all, also those that start meanwhile. */
export async function endProcessesOf(data: string): Promise<void> {
  const ended = await waitFor(
    async () => {
      const left = await processesOf(data);
      for (const { pid } of left) {
        try {
          process.kill(pid, 'SIGKILL');
        } catch {
          // It ended by itself.
        }
      }
      return left.length === 0;
    },
    { timeoutMs: 10_000 },
  );
  if (ended === null) throw new Error(`Processes of ${data} do not end.`);
}
