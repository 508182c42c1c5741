import { endpointTable } from '@nakhoda/client';
import { NakhodaError } from '@nakhoda/schema/errors';
import { guestInputLimitBytes } from '@nakhoda/schema/guest-limits';

import { readFieldValue } from '../field-value.ts';
import { Interrupted } from '../interrupted.ts';
import { readAtMost } from '../read-at-most.ts';
import { print, type Invocation } from '../invocation.ts';
import { UsageError } from '../usage-error.ts';

export interface ExecOptions {
  readonly vm: string;
  readonly argv: readonly string[];
  readonly timeout: string | undefined;
  /** Whether the command gets our standard input, up to its end. */
  readonly stdin: boolean;
}

/**
 * Runs a command in a guest. Its output goes to ours as it comes, byte for byte; with `--json` it is collected into
 * `{exitCode, stdout, stderr}`. Gives the command's own exit code.
 */
export async function exec(invocation: Invocation, { vm, argv, timeout, stdin }: ExecOptions): Promise<number> {
  const params = { vm: String(readField('params', 'vm', 'VM', vm)) };
  const timeoutSeconds = timeout === undefined ? undefined : Number(readField('body', 'timeoutSeconds', '--timeout', timeout));
  const input = stdin ? await readAtMost(process.stdin, guestInputLimitBytes, 'Standard input') : undefined;
  const leaving = new AbortController();
  const interrupt = () => leaving.abort(new Interrupted('Interrupted. The command in the guest may still run.'));
  process.once('SIGINT', interrupt);
  const collected = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let exitCode: number | null = null;
  try {
    const body = {
      argv: [...argv],
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
      ...(input === undefined ? {} : { stdin: input.toString('base64') }),
    };
    for await (const line of invocation.client.stream('vm.exec', { params, body, signal: leaving.signal })) {
      if ('exitCode' in line) exitCode = line.exitCode;
      else if ('stream' in line) {
        const data = Buffer.from(line.data, 'base64');
        if (invocation.json) collected[line.stream].push(data);
        else await write(process[line.stream], data);
      }
    }
  } finally {
    process.off('SIGINT', interrupt);
  }
  if (exitCode === null) {
    throw new NakhodaError('daemon.unreachable', {
      message: 'The daemon stopped before the command in the guest had ended.',
      hint: 'The command may still run in the guest. Start the daemon with `./nakhoda up --detach` and look.',
    });
  }
  if (invocation.json) {
    const { stdout, stderr } = collected;
    await print(JSON.stringify({ exitCode, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
  }
  return exitCode;
}

function readField(part: 'params' | 'body', name: string, label: string, text: string): unknown {
  const schema = endpointTable['vm.exec'][part]?.properties[name];
  if (schema === undefined) throw new UsageError(`${label} is not a field of this command.`, 'Leave it out.');
  return readFieldValue(schema, label, text);
}

/** Waits until the reader has taken it: a slow reader slows the guest's command down, not our memory. */
function write(out: NodeJS.WriteStream, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
