import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';

import { endpointTable } from '@nakhoda/client';
import type { EndpointId } from '@nakhoda/schema';
import { guestFileLimitBytes } from '@nakhoda/schema/guest-limits';

import { readFieldValue } from '../field-value.ts';
import { print, printResult, type Invocation } from '../invocation.ts';
import { readAtMost } from '../read-at-most.ts';
import { UsageError } from '../usage-error.ts';

/** Prints a file of a guest byte for byte, or keeps it as `out`; a file that is there is replaced. */
export async function readGuestFile(invocation: Invocation, { vm, path, out }: { vm: string; path: string; out?: string }): Promise<void> {
  const params = { vm: field('vm.file.read', 'params', 'vm', 'VM', vm) };
  const query = { path: field('vm.file.read', 'query', 'path', 'PATH', path) };
  const file = await invocation.client.call('vm.file.read', { params, query });
  const data = Buffer.from(file.data, 'base64');
  if (out !== undefined) {
    await localFile(out, () => writeFile(out, data));
    await printResult(invocation, file, () => `${file.sizeBytes} bytes are in ${out}.`);
  } else if (invocation.json) await print(JSON.stringify(file));
  else await new Promise<void>((resolve, reject) => process.stdout.write(data, (error) => (error ? reject(error) : resolve())));
}

/** Writes a file of this machine, or standard input for `-`, into a guest. */
export async function writeGuestFile(
  invocation: Invocation,
  { vm, path, from, mode }: { vm: string; path: string; from: string; mode?: string },
): Promise<void> {
  const params = { vm: field('vm.file.write', 'params', 'vm', 'VM', vm) };
  const guestPath = field('vm.file.write', 'body', 'path', 'PATH', path);
  const permissions = mode === undefined ? {} : { mode: field('vm.file.write', 'body', 'mode', '--mode', mode) };
  const data =
    from === '-'
      ? await readAtMost(process.stdin, guestFileLimitBytes, 'Standard input')
      : await localFile(from, () => readAtMost(createReadStream(from), guestFileLimitBytes, from));
  const body = { path: guestPath, data: data.toString('base64'), ...permissions };
  const result = await invocation.client.call('vm.file.write', { params, body });
  await printResult(invocation, result, () => `${result.sizeBytes} bytes are in ${result.path} of the guest.`);
}

/** Sets a password that comes on standard input, so that it is on no command line. */
export async function setGuestPassword(
  invocation: Invocation,
  { vm, user, crypted }: { vm: string; user: string; crypted: boolean },
): Promise<void> {
  const params = { vm: field('vm.guest.password', 'params', 'vm', 'VM', vm) };
  const name = field('vm.guest.password', 'body', 'user', 'USER', user);
  if (process.stdin.isTTY) process.stderr.write('New password (it is shown as you type), then Enter and Ctrl-D:\n');
  const text = (await readAtMost(process.stdin, 4096, 'The password')).toString('utf8').replace(/\r?\n$/u, '');
  // Not by readFieldValue, whose refusal quotes what it refuses.
  const pattern = endpointTable['vm.guest.password'].body?.properties['password']?.pattern;
  if (pattern === undefined || !new RegExp(pattern, 'u').test(text)) {
    throw new UsageError('What came on standard input is no password.', 'Give one line of 1 to 1024 characters on standard input.');
  }
  const body = { user: name, password: text, ...(crypted ? { crypted } : {}) };
  const result = await invocation.client.call('vm.guest.password', { params, body });
  await printResult(invocation, result, () => `The password of ${result.user} is set in the guest.`);
}

function field(id: EndpointId, part: 'params' | 'query' | 'body', name: string, label: string, text: string): string {
  const schema = endpointTable[id][part]?.properties[name];
  if (schema === undefined) throw new UsageError(`${label} is not a field of this command.`, 'Leave it out.');
  return String(readFieldValue(schema, label, text));
}

async function localFile<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && 'syscall' in error)
      throw new UsageError(`${path} cannot be used: ${error.message}.`, 'Look at the path on this machine.');
    throw error;
  }
}
