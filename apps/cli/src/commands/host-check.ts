import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import type { HostCheck } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema/errors';

import { hostCheckProgram } from '../daemon-program.ts';
import { renderHuman } from '../human.ts';
import { printResult, type Invocation } from '../invocation.ts';

/** Tells what this host can do: asks the daemon where one answers, and looks itself where none does. */
export async function hostCheck(invocation: Invocation): Promise<void> {
  const check = await askDaemon(invocation);
  await printResult(invocation, check, () => renderHuman('host.check', check));
}

async function askDaemon({ client, data }: Invocation): Promise<HostCheck> {
  try {
    return await client.call('host.check', { params: { node: 'local' } });
  } catch (error) {
    if (error instanceof NakhodaError && error.code === 'daemon.unreachable') return lookOurselves(data);
    throw error;
  }
}

async function lookOurselves(data: string): Promise<HostCheck> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [hostCheckProgram, '--data', data], { maxBuffer: 16 * 1_048_576 });
    return JSON.parse(stdout) as HostCheck;
  } catch (cause) {
    const said = (cause as { stderr?: string }).stderr?.trim() ?? '';
    throw new NakhodaError('exec.failed', {
      message: `The host could not be looked at.${said === '' ? '' : ` The last that was said: ${said.split('\n').slice(-5).join('\n')}`}`,
      hint: 'Start a daemon with `./nakhoda up --detach` and try again.',
      cause,
    });
  }
}
