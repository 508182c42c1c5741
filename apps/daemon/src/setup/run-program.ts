import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';

import { NakhodaError } from '@nakhoda/schema';

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  /** File for the output, written anew; without it everything goes to our standard error. */
  readonly log?: string;
  /** True for a program whose standard error is progress for the person, and not for the log. */
  readonly tellsProgress?: boolean;
}

/**
 * Runs a set-up program to its end; resolves with its exit code, or 128 when a signal ended it.
 * Standard input is ours, so that sudo can ask. There is no time limit: what it waits for is
 * a download or a compiler, and the person at the terminal sees which.
 *
 * @throws NakhodaError `setup.failed` when it cannot be started.
 */
export async function runProgram(argv: readonly string[], options: RunOptions): Promise<number> {
  const [program, ...args] = argv;
  if (program === undefined) throw new TypeError('runProgram needs a program');
  await using log = options.log === undefined ? undefined : await open(options.log, 'w', 0o600);
  const output = log?.fd ?? 2;
  return await new Promise((resolve, reject) => {
    const stdio = [0, output, options.tellsProgress === true ? 2 : output];
    const child = spawn(program, args, { stdio, env: options.env });
    child.once('error', (cause) => {
      reject(
        new NakhodaError('setup.failed', {
          message: `${program} could not be started: ${cause.message}`,
          hint: `Install ${program}, then run the same command again.`,
          cause,
        }),
      );
    });
    child.once('close', (code) => resolve(code ?? 128));
  });
}

/** The last lines of a log, indented, for an error message. */
export async function logTail(path: string, lines = 12): Promise<string> {
  const text = (await readFile(path, 'utf8')).trimEnd();
  return text
    .split('\n')
    .slice(-lines)
    .map((line) => `    ${line}`)
    .join('\n');
}

/**
 * The argv that runs a program as root: itself for root, otherwise through sudo, which is told
 * not to ask for a password where nobody could type one.
 */
export function asRoot(argv: readonly string[], caller: { readonly uid: number; readonly terminal: boolean }): string[] {
  if (caller.uid === 0) return [...argv];
  const proxies = '--preserve-env=http_proxy,https_proxy,no_proxy';
  return ['sudo', ...(caller.terminal ? [] : ['-n']), proxies, '--', ...argv];
}
