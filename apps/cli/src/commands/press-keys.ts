import { endpointTable } from '@nakhoda/client';

import { readFieldValue } from '../field-value.ts';
import { renderHuman } from '../human.ts';
import { type Invocation, printResult } from '../invocation.ts';
import { readVmReference } from '../vm-reference.ts';

/** Presses combinations of keys; each is looked at before anything is sent. */
export async function pressKeys(invocation: Invocation, { vm, keys }: { vm: string; keys: readonly string[] }): Promise<void> {
  const params = { vm: readVmReference('vm.keys', vm) };
  const schema = endpointTable['vm.keys'].body?.properties['keys']?.items;
  const body = { keys: keys.map((one) => (schema === undefined ? one : String(readFieldValue(schema, 'KEYS', one)))) };
  const answer = await invocation.client.call('vm.keys', { params, body });
  await printResult(invocation, answer, () => renderHuman('vm.keys', answer));
}
