import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { Parts } from './parts.ts';
import { vmLane } from './vboxmanage.ts';

/** What `modifynvram` tells of a VM's UEFI variable store. */
export interface VariableStore {
  /** Names of its variables; empty where there is no store yet. */
  names: readonly string[];
  /** Whether the firmware checks signatures. */
  secureBoot: boolean;
}

/**
 * The orders of `modifynvram` that bring secure boot to what is wanted: Microsoft's keys, by which Linux distributions'
 * first stage is signed too, under Oracle's platform key. A store that exists keeps the guest's own entries. Pure.
 */
export function secureBootOrders(wanted: boolean, store: VariableStore): string[][] {
  if (store.secureBoot === wanted) return [];
  if (!wanted) return [['secureboot', '--disable']];
  const enrolled = ['PK', 'KEK', 'db'].every((name) => store.names.includes(name));
  const keys = enrolled ? [] : [['enrollmssignatures'], ['enrollorclpk']];
  return [...(store.names.length === 0 ? [['inituefivarstore']] : []), ...keys, ['secureboot', '--enable']];
}

/** Variables in the output of `modifynvram listvars`: a name and its owner's GUID on each line. */
export function parseVariables(output: string): string[] {
  return output.split('\n').flatMap((line) => /^(\S+)\s+\{[0-9a-f-]{36}\}$/.exec(line.trim())?.[1] ?? []);
}

/** Brings the variable store of a stopped UEFI machine in line with the spec. */
export async function alignSecureBoot(parts: Parts, signal: AbortSignal | undefined, spec: MachineSpec): Promise<void> {
  if (spec.firmware !== 'uefi') return;
  const call = { lanes: [vmLane(spec.vmid)], ...(signal ? { signal } : {}) };
  const run = (order: readonly string[]): Promise<string> => parts.vbox.run(['modifynvram', spec.uuid, ...order], call);
  // VirtualBox refuses to list a store that is not there yet.
  const names = await run(['listvars']).then(parseVariables, (error: unknown): string[] => {
    if (error instanceof NakhodaError && error.code === 'hypervisor.failed') return [];
    throw error;
  });
  const value = names.includes('SecureBootEnable') ? await run(['queryvar', '--name', 'SecureBootEnable']) : '';
  for (const order of secureBootOrders(spec.secureBoot, { names, secureBoot: isOn(value) })) await run(order);
}

/** `modifynvram queryvar` shows the value as a hex dump, `…/0000: 01 …`. */
export function isOn(dump: string): boolean {
  return /\/0000: 01\b/.test(dump);
}
