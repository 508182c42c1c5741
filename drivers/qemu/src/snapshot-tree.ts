import type { Snapshot } from '@nakhoda/schema';

import type { MachineSpec } from '@nakhoda/driver';

/** The virtual hardware that a memory snapshot was taken on: it can be restored on the same only. */
export interface Hardware {
  machineType: string;
  accelerator: string;
  cores: number;
  memoryMiB: number;
  disks: string[];
  nics: string[];
}

export interface SnapshotEntry {
  name: string;
  parent: string | null;
  description: string;
  createdAt: string;
  memory: boolean;
  /** `taking` is written before the images are touched and `deleting` likewise: what a crash leaves so is removed. */
  status: 'taking' | 'ready' | 'deleting';
  /** Slots of the disks that it is kept on. */
  disks: string[];
  hardware: Hardware | null;
}

/** `snapshots.json`. */
export interface SnapshotStore {
  format: 1;
  /** The snapshot that the VM goes on from. */
  current: string | null;
  /** Written before a rollback touches anything, and taken away after it. */
  pendingRollback: string | null;
  entries: SnapshotEntry[];
}

export const emptyStore: SnapshotStore = { format: 1, current: null, pendingRollback: null, entries: [] };

/** The store with a snapshot that is about to be taken, growing from the current one. */
export function begin(store: SnapshotStore, entry: Omit<SnapshotEntry, 'parent' | 'status'>): SnapshotStore {
  return { ...store, entries: [...store.entries, { ...entry, parent: store.current, status: 'taking' }] };
}

/** The store with the snapshot there, and current. */
export function finish(store: SnapshotStore, name: string): SnapshotStore {
  return { ...mark(store, name, 'ready'), current: name };
}

export function mark(store: SnapshotStore, name: string, status: SnapshotEntry['status']): SnapshotStore {
  return { ...store, entries: store.entries.map((entry) => (entry.name === name ? { ...entry, status } : entry)) };
}

/** The store without the snapshot: its children, and "you are here", move up to its parent. */
export function remove(store: SnapshotStore, name: string): SnapshotStore {
  const gone = store.entries.find((entry) => entry.name === name);
  if (!gone) return store;
  const up = (parent: string | null): string | null => (parent === name ? gone.parent : parent);
  return {
    ...store,
    current: up(store.current),
    entries: store.entries.filter((entry) => entry !== gone).map((entry) => ({ ...entry, parent: up(entry.parent) })),
  };
}

export function findReady(store: SnapshotStore, name: string): SnapshotEntry | null {
  return store.entries.find((entry) => entry.name === name && entry.status === 'ready') ?? null;
}

/** As the contract lists them: oldest first, only whole ones. */
export function toSnapshots(store: SnapshotStore): Snapshot[] {
  return store.entries
    .filter((entry) => entry.status === 'ready')
    .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
    .map(({ name, parent, description, createdAt, memory }) => ({
      name,
      parent,
      description,
      createdAt,
      memory,
      current: name === store.current,
    }));
}

export function hardwareOf(spec: MachineSpec, machineType: string, accelerator: string): Hardware {
  return {
    machineType,
    accelerator,
    cores: spec.cores,
    memoryMiB: spec.memoryMiB,
    disks: spec.disks.map((disk) => disk.slot),
    nics: spec.nics.map((nic) => `${nic.slot} ${nic.mac}`),
  };
}

/** What differs, in words; empty when a memory snapshot of `then` can be restored on `now`. */
export function hardwareDifferences(then: Hardware, now: Hardware): string[] {
  return (Object.keys(then) as (keyof Hardware)[])
    .filter((key) => String(then[key]) !== String(now[key]))
    .map((key) => `${key} was ${String(then[key])} and is ${String(now[key])}`);
}
