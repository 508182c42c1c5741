import { isDeepStrictEqual } from 'node:util';

import type { MachineDisk, MachineNic, MachineSpec } from '@nakhoda/driver';

import { processorRoom } from './hardware/cpu.ts';
import { pluggableBuses } from './hardware/disks.ts';
import { memoryStepMiB } from './hardware/memory.ts';

/** One change of a running VM, which is done as a whole or not at all. `field` is what it is told by when it is not. */
export type ChangeStep = { field: string } & (
  | { kind: 'remove-disk'; disk: MachineDisk }
  | { kind: 'add-disk'; disk: MachineDisk }
  | { kind: 'grow-disk'; slot: string; sizeBytes: number }
  | { kind: 'limit-disk'; slot: string; iopsLimit: number; mbpsLimit: number }
  | { kind: 'remove-nic'; slot: string }
  | { kind: 'add-nic'; nic: MachineNic }
  | { kind: 'set-link'; slot: string; linkUp: boolean }
  | { kind: 'change-cd'; path: string | null }
  | { kind: 'set-cores'; cores: number }
  | { kind: 'set-memory'; memoryMiB: number }
);

export interface ChangePlan {
  steps: ChangeStep[];
  pending: { field: string; reason: string }[];
}

const heldBySnapshots = 'Snapshots of the VM hold this disk: delete them first.';
const atNextStart = 'QEMU takes that only at the next start of the VM.';

/**
 * What has to be done to a VM that runs as `running` says, so that it is as `wanted` says, and what has to wait. `layered`
 * are the disks that snapshots hold; `translated` tells that the guest runs under TCG; `baseMemoryMiB` is what it was
 * powered on with. What goes comes first: it may have what is to come. Pure.
 */
export function planChange(
  running: MachineSpec,
  wanted: MachineSpec,
  { layered, translated, baseMemoryMiB }: { layered: readonly string[]; translated: boolean; baseMemoryMiB: number },
): ChangePlan {
  const disks = pairs(running.disks, wanted.disks).map(([before, after]) => diskChange(before, after, layered));
  const nics = pairs(running.nics, wanted.nics).map(([before, after]) => nicChange(before, after));
  const parts = [
    ...[...disks, ...nics, cdChange(running, wanted), coresChange(running, wanted, translated)],
    ...[memoryChange(running, wanted, baseMemoryMiB), otherChanges(running, wanted)],
  ];
  const steps = parts.flatMap((part) => part.steps);
  const removes = ({ kind }: ChangeStep): boolean => kind.startsWith('remove-');
  return {
    steps: [...steps.filter(removes), ...steps.filter((step) => !removes(step))],
    pending: parts.flatMap((part) => part.pending),
  };
}

/** The spec of the VM after a step. Pure. */
export function applyStep(spec: MachineSpec, step: ChangeStep): MachineSpec {
  const disk = (slot: string, changes: Partial<MachineDisk>): MachineSpec => ({
    ...spec,
    disks: spec.disks.map((one) => (one.slot === slot ? { ...one, ...changes } : one)),
  });
  switch (step.kind) {
    case 'remove-disk':
      return { ...spec, disks: spec.disks.filter(({ slot }) => slot !== step.disk.slot) };
    case 'add-disk':
      return { ...spec, disks: [...spec.disks, step.disk] };
    case 'grow-disk':
      return disk(step.slot, { sizeBytes: step.sizeBytes });
    case 'limit-disk':
      return disk(step.slot, { iopsLimit: step.iopsLimit, mbpsLimit: step.mbpsLimit });
    case 'remove-nic':
      return { ...spec, nics: spec.nics.filter(({ slot }) => slot !== step.slot) };
    case 'add-nic':
      return { ...spec, nics: [...spec.nics, step.nic] };
    case 'set-link':
      return { ...spec, nics: spec.nics.map((nic) => (nic.slot === step.slot ? { ...nic, linkUp: step.linkUp } : nic)) };
    case 'change-cd':
      return { ...spec, cdrom: step.path };
    case 'set-cores':
      return { ...spec, cores: step.cores };
    case 'set-memory':
      return { ...spec, memoryMiB: step.memoryMiB };
  }
}

/** The spec with its disks and NICs in the order of another, as far as that has them. Pure. */
export function inOrderOf(spec: MachineSpec, other: MachineSpec): MachineSpec {
  const sorted = <Device extends { slot: string }>(devices: Device[], order: readonly { slot: string }[]): Device[] => {
    const rank = ({ slot }: Device): number => {
      const index = order.findIndex((one) => one.slot === slot);
      return index === -1 ? order.length : index;
    };
    return devices.toSorted((a, b) => rank(a) - rank(b));
  };
  return { ...spec, disks: sorted(spec.disks, other.disks), nics: sorted(spec.nics, other.nics) };
}

function pairs<Device extends { slot: string }>(
  before: readonly Device[],
  after: readonly Device[],
): [Device | undefined, Device | undefined][] {
  const slots = [...new Set([...before, ...after].map(({ slot }) => slot))];
  return slots.map((slot) => [before.find((one) => one.slot === slot), after.find((one) => one.slot === slot)]);
}

const nothing: ChangePlan = { steps: [], pending: [] };

function diskChange(before: MachineDisk | undefined, after: MachineDisk | undefined, layered: readonly string[]): ChangePlan {
  const disk = after ?? before;
  if (!disk) return nothing;
  const field = `disks.${disk.slot}`;
  if (!before || !after) {
    const fixed = `QEMU plugs no ${disk.bus.toUpperCase()} disk in or out while the VM runs.`;
    if (!pluggableBuses.has(disk.bus)) return { steps: [], pending: [{ field, reason: fixed }] };
    if (after) return { steps: [{ field, kind: 'add-disk', disk }], pending: [] };
    if (layered.includes(disk.slot)) return { steps: [], pending: [{ field, reason: heldBySnapshots }] };
    return { steps: [{ field, kind: 'remove-disk', disk }], pending: [] };
  }
  const fixed = (['path', 'format', 'bus', 'cache', 'discard', 'ssd', 'iothread'] as const).filter(
    (name) => (before[name] ?? false) !== (after[name] ?? false),
  );
  const { slot, sizeBytes, iopsLimit, mbpsLimit } = after;
  const held = layered.includes(slot);
  const limits = (['iopsLimit', 'mbpsLimit'] as const).filter((name) => before[name] !== after[name]);
  return {
    steps: [
      ...(sizeBytes > before.sizeBytes && !held ? [{ field: `${field}.sizeBytes`, kind: 'grow-disk', slot, sizeBytes } as const] : []),
      ...(limits.length > 0 ? [{ field: `${field}.${limits[0]}`, kind: 'limit-disk', slot, iopsLimit, mbpsLimit } as const] : []),
    ],
    pending: [
      ...fixed.map((name) => ({ field: `${field}.${name}`, reason: atNextStart })),
      ...(sizeBytes > before.sizeBytes && held ? [{ field: `${field}.sizeBytes`, reason: heldBySnapshots }] : []),
      ...(sizeBytes < before.sizeBytes ? [{ field: `${field}.sizeBytes`, reason: 'A disk grows, and never shrinks.' }] : []),
    ],
  };
}

function nicChange(before: MachineNic | undefined, after: MachineNic | undefined): ChangePlan {
  if (before && !after) return { steps: [{ field: `nics.${before.slot}`, kind: 'remove-nic', slot: before.slot }], pending: [] };
  if (!after) return nothing;
  const { slot, linkUp } = after;
  if (!before) return { steps: [{ field: `nics.${slot}`, kind: 'add-nic', nic: after }], pending: [] };
  const fixed = (['mac', 'model', 'attachment'] as const).filter((name) => !isDeepStrictEqual(before[name], after[name]));
  return {
    steps: before.linkUp === linkUp ? [] : [{ field: `nics.${slot}.linkUp`, kind: 'set-link', slot, linkUp }],
    pending: fixed.map((name) => ({ field: `nics.${slot}.${name}`, reason: atNextStart })),
  };
}

function cdChange(running: MachineSpec, { cdrom }: MachineSpec): ChangePlan {
  return running.cdrom === cdrom ? nothing : { steps: [{ field: 'cdrom', kind: 'change-cd', path: cdrom }], pending: [] };
}

function coresChange(running: MachineSpec, { cores }: MachineSpec, translated: boolean): ChangePlan {
  const field = 'cores';
  if (running.cores === cores) return nothing;
  const wait = (reason: string): ChangePlan => ({ steps: [], pending: [{ field, reason }] });
  if (running.sockets > 1) return wait('A VM with several sockets gets processors only at its next start.');
  const room = processorRoom(running);
  if (cores > room) return wait(`The VM was started with room for ${room} processors.`);
  // Seen with 7.2.22: it dies ("munmap_chunk(): invalid pointer") when the guest's memory is saved after a processor went.
  if (cores < running.cores && translated)
    return wait('Under TCG QEMU can die after a processor was taken away, so that waits for the next start.');
  return { steps: [{ field, kind: 'set-cores', cores }], pending: [] };
}

function memoryChange(running: MachineSpec, { memoryMiB }: MachineSpec, baseMiB: number): ChangePlan {
  const field = 'memoryMiB';
  const most = running.memoryMaxMiB;
  if (running.memoryMiB === memoryMiB) return nothing;
  const wait = (reason: string): ChangePlan => ({ steps: [], pending: [{ field, reason }] });
  if (most === 0) return wait('The VM was started without room for more memory; --memory-max leaves some from the next start on.');
  if (memoryMiB > most) return wait(`The VM was started with room for ${most} MiB.`);
  if (memoryMiB < baseMiB) return wait(`The VM was started with ${baseMiB} MiB, and gives back only what it got since.`);
  if ((memoryMiB - baseMiB) % memoryStepMiB !== 0)
    return wait(`While it runs, its memory changes in steps of ${memoryStepMiB} MiB from the ${baseMiB} MiB that it was started with.`);
  return { steps: [{ field, kind: 'set-memory', memoryMiB }], pending: [] };
}

/** All fields of one value each that the running machine cannot follow. */
function otherChanges(running: MachineSpec, wanted: MachineSpec): ChangePlan {
  const own = new Set<keyof MachineSpec>(['disks', 'nics', 'cdrom', 'cores', 'memoryMiB']);
  const all = new Set([...Object.keys(running), ...Object.keys(wanted)] as (keyof MachineSpec)[]);
  const fields = [...all].filter((field) => !own.has(field) && !isDeepStrictEqual(running[field], wanted[field]));
  return { steps: [], pending: fields.map((field) => ({ field, reason: atNextStart })) };
}
