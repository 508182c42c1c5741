import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import type { ErrorCode } from '../errors.ts';
import { DiskBus, DiskCache, DiskLimits, MacAddress, NicModel } from '../hardware.ts';
import { NetworkName, VmReference } from '../names.ts';
import { VmDisk, VmNic } from '../resources.ts';
import { Task } from '../task.ts';
import { VmParams } from './vm.ts';

const closed = { additionalProperties: false } as const;
const DiskParams = Type.Object(
  { vm: VmReference, slot: Type.String({ pattern: '^disk[0-9]$', maxLength: 5, description: 'a disk: disk0 to disk9' }) },
  closed,
);
const NicParams = Type.Object(
  { vm: VmReference, slot: Type.String({ pattern: '^net[0-9]$', maxLength: 4, description: 'a NIC: net0 to net9' }) },
  closed,
);
const sizeGiB = Type.Integer({ minimum: 1, maximum: 1_048_576, description: 'GiB that the guest sees; the image grows as it is written' });

export const diskOptions = {
  bus: Type.Optional(DiskBus),
  cache: Type.Optional(DiskCache),
  ssd: Type.Optional(Type.Boolean({ description: 'the guest is told that the disk does not rotate' })),
  iothread: Type.Optional(Type.Boolean({ description: 'a thread of the hypervisor serves the disk alone' })),
  discard: Type.Optional(Type.Boolean({ description: 'what the guest trims is given back to the host' })),
  iopsLimit: Type.Optional(DiskLimits.iopsLimit),
  mbpsLimit: Type.Optional(DiskLimits.mbpsLimit),
};

export const DiskAdd = Type.Object({ sizeGiB, ...diskOptions }, closed);
export type DiskAdd = Type.Static<typeof DiskAdd>;
export const DiskSet = Type.Object(diskOptions, { ...closed, minProperties: 1 });
export type DiskSet = Type.Static<typeof DiskSet>;
export const NicAdd = Type.Object({ network: NetworkName, model: Type.Optional(NicModel), mac: Type.Optional(MacAddress) }, closed);
export type NicAdd = Type.Static<typeof NicAdd>;
export const NicSet = Type.Object(
  {
    network: Type.Optional(NetworkName),
    model: Type.Optional(NicModel),
    linkUp: Type.Optional(Type.Boolean({ description: 'no: its cable is pulled' })),
  },
  { ...closed, minProperties: 1 },
);
export type NicSet = Type.Static<typeof NicSet>;

const changeErrors = [
  ...(['vm.not-found', 'vm.wrong-state', 'vm.spec-invalid', 'hypervisor.failed', 'store.conflict'] as const),
] satisfies ErrorCode[];
const slotErrors = [...changeErrors, 'vm.device-not-found'] satisfies ErrorCode[];

/** Disks and NICs of VMs that exist. Each order is a `vm.set` task: what a running VM cannot take is pending until its next start. */
export const vmDeviceEndpoints = {
  'disk.list': endpoint({
    method: 'GET',
    path: '/vms/:vm/disks',
    params: VmParams,
    result: Type.Array(VmDisk),
    errors: ['vm.not-found'],
    permission: 'VM.Audit',
    summary: 'List the disks of a VM',
    cli: { words: ['disk', 'list'], positional: ['vm'] },
  }),
  'disk.add': endpoint({
    method: 'POST',
    path: '/vms/:vm/disks',
    params: VmParams,
    body: DiskAdd,
    result: Task,
    answer: 'task',
    errors: [...changeErrors, 'storage.too-large'],
    permission: 'VM.Config.Disk',
    summary: 'Give a VM a new, empty disk in the next free slot',
    cli: { words: ['disk', 'add'], positional: ['vm'], flags: { sizeGiB: 'size' }, yesNo: ['ssd', 'iothread', 'discard'] },
  }),
  'disk.set': endpoint({
    method: 'PATCH',
    path: '/vms/:vm/disks/:slot',
    params: DiskParams,
    body: DiskSet,
    result: Task,
    answer: 'task',
    errors: slotErrors,
    permission: 'VM.Config.Disk',
    summary: 'Change what a disk hangs on, its cache, discard and limits',
    cli: { words: ['disk', 'set'], positional: ['vm', 'slot'] },
  }),
  'disk.resize': endpoint({
    method: 'POST',
    path: '/vms/:vm/disks/:slot/resize',
    params: DiskParams,
    body: Type.Object({ sizeGiB }, closed),
    result: Task,
    answer: 'task',
    errors: [...slotErrors, 'storage.too-large', 'snapshot.uses-disk'],
    permission: 'VM.Config.Disk',
    summary: 'Grow a disk; none can be made smaller',
    cli: { words: ['disk', 'resize'], positional: ['vm', 'slot'], flags: { sizeGiB: 'size' } },
  }),
  'disk.remove': endpoint({
    method: 'POST',
    path: '/vms/:vm/disks/:slot/remove',
    params: DiskParams,
    body: Type.Object(
      { keep: Type.Optional(Type.Boolean({ description: 'leave its image in the folder of the VM, until the VM is destroyed' })) },
      closed,
    ),
    result: Task,
    answer: 'task',
    errors: [...slotErrors, 'vm.protected', 'snapshot.uses-disk'],
    permission: 'VM.Config.Disk',
    summary: 'Take a disk from a VM and delete its image with everything on it; --keep leaves the image',
    cli: { words: ['disk', 'remove'], positional: ['vm', 'slot'] },
  }),
  'nic.list': endpoint({
    method: 'GET',
    path: '/vms/:vm/nics',
    params: VmParams,
    result: Type.Array(VmNic),
    errors: ['vm.not-found'],
    permission: 'VM.Audit',
    summary: 'List the NICs of a VM',
    cli: { words: ['nic', 'list'], positional: ['vm'] },
  }),
  'nic.add': endpoint({
    method: 'POST',
    path: '/vms/:vm/nics',
    params: VmParams,
    body: NicAdd,
    result: Task,
    answer: 'task',
    errors: [...changeErrors, 'vm.mac-taken', 'network.not-found', 'network.failed'],
    permission: 'VM.Config.Network',
    summary: 'Give a VM a NIC on a network, in the next free slot',
    cli: { words: ['nic', 'add'], positional: ['vm'] },
  }),
  'nic.set': endpoint({
    method: 'PATCH',
    path: '/vms/:vm/nics/:slot',
    params: NicParams,
    body: NicSet,
    result: Task,
    answer: 'task',
    errors: [...slotErrors, 'network.not-found', 'network.failed'],
    permission: 'VM.Config.Network',
    summary: 'Put a NIC on another network, change its model, pull its cable or plug it in',
    cli: { words: ['nic', 'set'], positional: ['vm', 'slot'], flags: { linkUp: 'link' } },
  }),
  'nic.remove': endpoint({
    method: 'DELETE',
    path: '/vms/:vm/nics/:slot',
    params: NicParams,
    result: Task,
    answer: 'task',
    errors: slotErrors,
    permission: 'VM.Config.Network',
    summary: 'Take a NIC from a VM',
    cli: { words: ['nic', 'remove'], positional: ['vm', 'slot'] },
  }),
};
