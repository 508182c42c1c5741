import { readdir, readFile } from 'node:fs/promises';

import { processArgv, processRef, terminate, waitForExit } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';

interface FormerCall {
  process: ProcessRef;
  /** VBoxManage's arguments. */
  args: string[];
}

/**
 * Waits for the calls of VBoxManage that a killed daemon left on this registry: VirtualBox still carries them out, so a
 * snapshot may appear that the new daemon has looked for in vain. One that takes longer than it may is ended.
 * @param options.limitMs how long a call with these arguments may take
 */
export async function waitForFormerCalls(options: {
  userHome: string;
  limitMs(args: readonly string[]): number;
  signal: AbortSignal;
  log(line: string): void;
}): Promise<void> {
  const calls = await findCalls(options.userHome);
  await Promise.all(
    calls.map(async ({ process, args }) => {
      options.log(`VBoxManage ${args[0] ?? ''} (process ${process.pid}) of an earlier daemon is still at work; waiting for it`);
      const gone = await waitForExit(process, { timeoutMs: options.limitMs(args), signal: options.signal });
      if (!gone && !options.signal.aborted) await terminate(process, { graceMs: 0 });
    }),
  );
}

async function findCalls(userHome: string): Promise<FormerCall[]> {
  const calls: FormerCall[] = [];
  for (const entry of await readdir('/proc')) {
    const argv = /^\d+$/.test(entry) ? (processArgv(Number(entry)) ?? []) : [];
    // On its way into the isolated run time, the program is an argument of other programs.
    const program = argv.findIndex((part) => part.endsWith('/VBoxManage'));
    if (program === -1) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    const process = processRef(Number(entry));
    if (process === null || !environment.split('\0').includes(`VBOX_USER_HOME=${userHome}`)) continue;
    calls.push({ process, args: argv.slice(program + 1) });
  }
  return calls;
}
