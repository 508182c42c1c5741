import type { Snapshot } from '@nakhoda/schema';

import type { MachineSpec } from '@nakhoda/driver';

import { addLayer, type Layer, type LayerStore, memoryName } from './layers.ts';

/** The virtual hardware that a memory snapshot was taken on, each kind in words: it can be restored on the same only. */
export type Hardware = Record<string, string>;

/** How long the guest stood still while its memory was kept. */
export interface Pause {
  /** By QEMU's own clock, from STOP to RESUME; milliseconds. */
  ms: number;
  /** Why for all that time, and not for the first moment alone. */
  reason?: string;
  /** What it consisted of, in order; milliseconds as the driver saw them. */
  parts: { what: string; ms: number }[];
}

export interface SnapshotEntry {
  name: string;
  parent: string | null;
  description: string;
  createdAt: string;
  memory: boolean;
  /** `taking` is written before anything is touched: what a crash leaves so is removed. */
  status: 'taking' | 'ready';
  /** Slots of the disks that it is of. */
  disks: string[];
  hardware: Hardware | null;
  /** The layer that holds its disks, and is not written any more. */
  layer: number;
  /** The layer that was begun with it; names the file of its memory. */
  number: number;
  /** Size of the file of its memory. */
  memoryBytes: number | null;
  pause: Pause | null;
}

/** `snapshots.json`. */
export interface SnapshotStore extends LayerStore {
  format: 2;
  /** The snapshot that the VM goes on from. */
  current: string | null;
  /** Written before a rollback changes the disks, and taken away when the memory is loaded. */
  pendingRollback: string | null;
  /** Written before the driver stops the guest for a moment, so that whoever comes after a crash lets it go on. */
  holding: boolean;
  entries: SnapshotEntry[];
}

export const emptyStore: SnapshotStore = {
  format: 2,
  current: null,
  pendingRollback: null,
  holding: false,
  entries: [],
  layers: [],
  active: 0,
  lastLayer: 0,
  trash: [],
};

/** What is known of a snapshot before it is taken. */
export type NewEntry = Pick<SnapshotEntry, 'name' | 'description' | 'createdAt' | 'memory' | 'disks' | 'hardware'>;

/** The store with a snapshot that is about to be taken, and the layer that the VM will go on in. */
export function begin(store: SnapshotStore, entry: NewEntry): { store: SnapshotStore; layer: Layer } {
  const { store: grown, layer } = addLayer(store, store.active, entry.disks);
  const taking: SnapshotEntry = {
    ...entry,
    parent: store.current,
    status: 'taking',
    layer: store.active,
    number: layer.id,
    memoryBytes: null,
    pause: null,
  };
  return { store: { ...grown, entries: [...grown.entries, taking] }, layer };
}

/** The store with the snapshot there, and current. */
export function finish(store: SnapshotStore, name: string, memory: { bytes: number; pause: Pause | null } | null = null): SnapshotStore {
  const entries = store.entries.map((entry) =>
    entry.name === name ? { ...entry, status: 'ready' as const, memoryBytes: memory?.bytes ?? null, pause: memory?.pause ?? null } : entry,
  );
  return { ...store, entries, current: name };
}

/** The store without the snapshot: its children, and "you are here", move up to its parent. Its layer stays. */
export function remove(store: SnapshotStore, name: string): SnapshotStore {
  const gone = store.entries.find((entry) => entry.name === name);
  if (!gone) return store;
  const up = (parent: string | null): string | null => (parent === name ? gone.parent : parent);
  return {
    ...store,
    current: up(store.current),
    entries: store.entries.filter((entry) => entry !== gone).map((entry) => ({ ...entry, parent: up(entry.parent) })),
    trash: gone.memory ? [...store.trash, memoryName(gone.number)] : store.trash,
  };
}

/** The store without snapshots that were being taken when their daemon died. */
export function removeUnfinished(store: SnapshotStore): SnapshotStore {
  return store.entries.filter(({ status }) => status !== 'ready').reduce((left, { name }) => remove(left, name), store);
}

export function findReady(store: SnapshotStore, name: string): SnapshotEntry | null {
  return store.entries.find((entry) => entry.name === name && entry.status === 'ready') ?? null;
}

/** As the contract lists them: oldest first, as they were put down, whatever the host's clock said; only whole ones. */
export function toSnapshots(store: SnapshotStore): Snapshot[] {
  return store.entries
    .filter((entry) => entry.status === 'ready')
    .map(({ name, parent, description, createdAt, memory, pause, disks }) => ({
      name,
      parent,
      description,
      createdAt,
      memory,
      current: name === store.current,
      disks,
      ...(pause ? { pause: { ms: pause.ms, ...(pause.reason === undefined ? {} : { reason: pause.reason }) } } : {}),
    }));
}

/** All that the guest's memory and the state of its devices depend on; limits and caches of the host are not among it. */
export function hardwareOf(spec: MachineSpec, machineType: string, accelerator: string, baseMemoryMiB: number): Hardware {
  const { sockets, cores, memoryMiB, cpuModel, firmware, secureBoot, tpm, display, displayMemoryMiB, serialPorts, audio, rng, watchdog } =
    spec;
  const { balloonMiB, memoryMaxMiB } = spec;
  const plain = {
    sockets,
    cores,
    memoryMiB,
    cpuModel,
    firmware,
    secureBoot,
    tpm,
    display,
    displayMemoryMiB,
    serialPorts,
    audio,
    rng,
    balloon: balloonMiB > 0,
    watchdog,
  };
  return {
    machineType,
    accelerator,
    ...Object.fromEntries(Object.entries(plain).map(([kind, value]) => [kind, String(value)])),
    disks: spec.disks.map(({ slot, bus }) => `${slot} ${bus}`).join(', '),
    nics: spec.nics.map(({ slot, model, mac }) => `${slot} ${model} ${mac}`).join(', '),
    hostDevices: JSON.stringify(spec.hostDevices),
    // Not where there is none, as in snapshots of earlier versions.
    ...(memoryMaxMiB > 0 ? { memoryMaxMiB: String(memoryMaxMiB), [baseMemory]: String(baseMemoryMiB) } : {}),
  };
}

const baseMemory = 'baseMemoryMiB';

/** MiB that the machine of some saved memory was powered on with; the next one has to be, too. */
export function baseMemoryOf(hardware: Hardware | null, spec: Pick<MachineSpec, 'memoryMiB'>): number {
  return Number(hardware?.[baseMemory] ?? spec.memoryMiB);
}

/** What differs, in words; empty when a memory snapshot of `then` can be restored on `now`. */
export function hardwareDifferences(then: Hardware, now: Hardware): string[] {
  return Object.keys({ ...then, ...now })
    .filter((kind) => then[kind] !== now[kind])
    .map((kind) => `${kind} was ${then[kind] ?? 'unknown'} and is ${now[kind] ?? 'unknown'}`);
}
