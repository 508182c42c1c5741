import { rm } from 'node:fs/promises';

import type { MachineSpec } from '@nakhoda/driver';
import { readJsonFile, writeFileAtomic } from '@nakhoda/host';

import { machinePaths } from './machine-paths.ts';
import type { Hardware } from './snapshot-tree.ts';

/** `suspended.json`: the VM's memory lies in a file, and its next start goes on from there. */
export interface SuspendRecord {
  format: 1;
  /** Bytes of the file of memory. */
  memoryBytes: number;
  /** The virtual hardware that the memory is of. */
  hardware: Hardware;
  at: string;
}

export async function readSuspended(spec: MachineSpec): Promise<SuspendRecord | null> {
  const record = await readJsonFile<SuspendRecord>(machinePaths(spec).suspended);
  return record?.format === 1 ? record : null;
}

/** With null the memory counts no more, from before it is deleted. */
export async function writeSuspended(spec: MachineSpec, record: SuspendRecord | null): Promise<void> {
  const { suspended, suspendedMemory } = machinePaths(spec);
  if (record !== null) {
    await writeFileAtomic(suspended, `${JSON.stringify(record, null, 2)}\n`);
    return;
  }
  await rm(suspended, { force: true });
  await rm(suspendedMemory, { force: true });
}
