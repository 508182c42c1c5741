import { Type } from 'typebox';

import { Adopted } from './adopted.ts';
import { CloudInit, CloudInitView } from './cloud-init.ts';
import { DiskBus, DiskCache, DiskLimits, HardwareSupport, NicModel, VmHardware } from './hardware.ts';
import { HypervisorId, NetworkName, NodeName, SnapshotName, Timestamp, Vmid, VmName } from './names.ts';
import { VmOptions } from './vm-options.ts';
import { VmState } from './vm-states.ts';

const closed = { additionalProperties: false } as const;

/** A yes with or a no without; the reason is what the page shows on a disabled button. */
export const Verdict = Type.Object({ allowed: Type.Boolean(), reason: Type.Optional(Type.String()) }, closed);
export type Verdict = Type.Static<typeof Verdict>;

/** How a guest's instructions are executed on this host, and why so. */
export const Execution = Type.Object(
  {
    mode: Type.Union([
      Type.Literal('kvm'),
      Type.Literal('tcg'),
      Type.Literal('hardware'),
      Type.Literal('interpreter'),
      Type.Literal('fake'),
    ]),
    reason: Type.String(),
  },
  closed,
);
export type Execution = Type.Static<typeof Execution>;

export const VmDisk = Type.Object(
  {
    slot: Type.String({ pattern: '^disk[0-9]$' }),
    volume: Type.String({ description: 'pool:images/vmid/file' }),
    format: Type.Union([Type.Literal('qcow2'), Type.Literal('vdi'), Type.Literal('raw'), Type.Literal('vmdk'), Type.Literal('vhd')], {
      description: 'vmdk and vhd: of an adopted VM alone',
    }),
    sizeGiB: Type.Number({ exclusiveMinimum: 0 }),
    bus: DiskBus,
    cache: DiskCache,
    discard: Type.Boolean({ description: 'what the guest trims is given back to the host' }),
    ssd: Type.Boolean({ description: 'the guest is told that it is no rotating disk' }),
    iothread: Type.Optional(Type.Boolean({ description: 'a thread of the hypervisor serves it alone; absent: no' })),
    ...DiskLimits,
  },
  closed,
);
export type VmDisk = Type.Static<typeof VmDisk>;

/** An image of a disk in a VM's folder that the VM does not have now. */
export const UnusedDisk = Type.Object(
  {
    slot: Type.String({ pattern: '^unused[0-9]{1,4}$', description: 'unused1 is the image disk-1' }),
    volume: Type.String({ description: 'pool:images/vmid/file' }),
    sizeGiB: Type.Union([Type.Number({ exclusiveMinimum: 0 }), Type.Null()], { description: 'null: it is no image that can be read' }),
    snapshots: Type.Array(SnapshotName, { description: 'snapshots that have it: a rollback to one of them brings it back' }),
  },
  closed,
);
export type UnusedDisk = Type.Static<typeof UnusedDisk>;

export const VmNic = Type.Object(
  {
    slot: Type.String({ pattern: '^net[0-9]$' }),
    network: NetworkName,
    mac: Type.String({ pattern: '^([0-9a-f]{2}:){5}[0-9a-f]{2}$' }),
    model: NicModel,
    linkUp: Type.Boolean({ description: 'false: its cable is pulled' }),
  },
  closed,
);
export type VmNic = Type.Static<typeof VmNic>;

/** What is wanted of a VM. The daemon owns it; drivers get it resolved to paths and interfaces. */
export const VmSpec = Type.Object(
  {
    vmid: Vmid,
    name: VmName,
    uuid: Type.String({ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }),
    node: NodeName,
    hypervisor: HypervisorId,
    cores: Type.Integer({ minimum: 1 }),
    memoryMiB: Type.Integer({ minimum: 1 }),
    ...VmHardware,
    disks: Type.Array(VmDisk),
    cdrom: Type.Union([Type.String(), Type.Null()]),
    nics: Type.Array(VmNic),
    cloudInit: Type.Union([CloudInit, Type.Null()], { description: 'what its cloud-init drive says; null: it has none' }),
    ...VmOptions,
    template: Type.Boolean({ description: 'it does not start, and its disks do not change: others are cloned from it' }),
    linkedTo: Type.Union(
      [
        Type.Object(
          { vmid: Vmid, snapshot: Type.Union([SnapshotName, Type.Null()], { description: 'null: the template itself' }) },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'the VM that its disks lie on, of a linked clone' },
    ),
    adopted: Type.Optional(Adopted),
    createdAt: Timestamp,
  },
  closed,
);
export type VmSpec = Type.Static<typeof VmSpec>;

/** A change of a running VM's hardware that its next start will bring. */
export const PendingChange = Type.Object(
  {
    field: Type.String({ description: 'a field of the VM, for example memoryMiB, disks.disk1 or nics.net0.model' }),
    running: Type.Unknown({ description: 'what the present run has; null for a device that it has not' }),
    wanted: Type.Unknown({ description: 'what the next start brings; null for a device that goes' }),
    reason: Type.Optional(Type.String({ description: 'why the present run could not take it' })),
  },
  closed,
);
export type PendingChange = Type.Static<typeof PendingChange>;

/** A VM as the API shows it: spec and observed status in one flat object. */
export const Vm = Type.Object(
  {
    ...VmSpec.properties,
    cloudInit: Type.Union([CloudInitView, Type.Null()], { description: 'what its cloud-init drive says; null: it has none' }),
    state: VmState,
    stateReason: Type.Optional(Type.String({ description: 'why it is in this state, above all after a crash' })),
    execution: Type.Optional(Execution),
    addresses: Type.Array(Type.String(), { description: 'IPv4 addresses of the guest, known from leases, agent or ARP' }),
    uptimeSeconds: Type.Integer({ minimum: 0 }),
    pid: Type.Optional(Type.Integer()),
    observedAt: Timestamp,
    currentSnapshot: Type.Optional(SnapshotName),
    changedOutside: Type.Optional(
      Type.Array(Type.String(), { description: 'what the hypervisor has otherwise than wanted, because somebody used its own tools' }),
    ),
    suspended: Type.Boolean({ description: 'stopped with its memory on disk: the next start goes on from there' }),
    unused: Type.Optional(Type.Array(UnusedDisk, { description: 'told of a single VM only' })),
    pending: Type.Array(PendingChange, { description: 'wanted, but not yet so in the present run' }),
    actions: Type.Record(Type.String(), Verdict),
  },
  closed,
);
export type Vm = Type.Static<typeof Vm>;

export const Snapshot = Type.Object(
  {
    name: SnapshotName,
    parent: Type.Union([SnapshotName, Type.Null()]),
    description: Type.String(),
    createdAt: Timestamp,
    memory: Type.Boolean({ description: "true when the guest's memory is part of it" }),
    current: Type.Boolean({ description: 'true when the VM goes on from here: "you are here"' }),
    pause: Type.Optional(
      Type.Object(
        {
          ms: Type.Number({ description: 'milliseconds that the guest stood still while its memory was kept' }),
          reason: Type.Optional(Type.String({ description: 'why it stood still for as long as the memory was written' })),
        },
        closed,
      ),
    ),
    disks: Type.Optional(
      Type.Array(Type.String(), { description: 'slots of the disks that are part of it; where it is absent, all may be' }),
    ),
    changes: Type.Optional(
      Type.Array(Type.String(), { description: 'fields of the VM that a rollback would change; absent where they were not kept with it' }),
    ),
  },
  closed,
);
export type Snapshot = Type.Static<typeof Snapshot>;

/** The result of a rollback's task. */
export interface RollbackResult {
  /** What went back: `running` is what it was before, `wanted` what it is now. */
  changes: PendingChange[];
  /** File names of images in the VM's folder that it does not have any more. */
  unused: string[];
}

export const Lease = Type.Object(
  {
    mac: Type.String(),
    address: Type.String(),
    source: Type.Union([Type.Literal('lease'), Type.Literal('agent'), Type.Literal('arp')]),
    vmid: Type.Optional(Vmid),
  },
  closed,
);
export type Lease = Type.Static<typeof Lease>;

/** What is wanted of a network. */
export const NetworkSpec = Type.Object(
  {
    name: NetworkName,
    node: NodeName,
    bridge: Type.String({ maxLength: 15 }),
    cidr: Type.String(),
    gateway: Type.String({ description: "the bridge's own address" }),
    dhcp: Type.Union([Type.Object({ from: Type.String(), to: Type.String() }, closed), Type.Null()]),
    createdAt: Timestamp,
  },
  closed,
);
export type NetworkSpec = Type.Static<typeof NetworkSpec>;

export const Network = Type.Object(
  {
    ...NetworkSpec.properties,
    state: Type.Union([Type.Literal('up'), Type.Literal('down'), Type.Literal('degraded')]),
    stateReason: Type.Optional(Type.String()),
    addresses: Type.Array(Lease),
  },
  closed,
);
export type Network = Type.Static<typeof Network>;

export const StoragePool = Type.Object(
  {
    name: Type.String(),
    node: NodeName,
    kind: Type.Literal('directory'),
    path: Type.String(),
    totalBytes: Type.Integer(),
    freeBytes: Type.Integer(),
    content: Type.Array(Type.String()),
  },
  closed,
);
export type StoragePool = Type.Static<typeof StoragePool>;

export const Capabilities = Type.Object(
  {
    snapshots: Type.Union([
      Type.Object({ live: Type.Boolean(), memory: Type.Boolean(), deleteWithChildren: Type.Boolean() }, closed),
      Type.Null(),
    ]),
    clones: Type.Boolean({ description: 'whether its VMs can be cloned, whole and linked' }),
    serial: Type.Boolean(),
    guest: Type.Union([Type.Object({ exec: Type.Boolean(), files: Type.Boolean() }, closed), Type.Null()]),
    display: Type.Object({ vnc: Verdict, screenshot: Verdict, keyboard: Verdict }, closed),
    nicBackends: Type.Array(Type.Union([Type.Literal('tap'), Type.Literal('bridged'), Type.Literal('udp-tunnel'), Type.Literal('none')])),
    diskFormat: Type.Union([Type.Literal('qcow2'), Type.Literal('vdi')]),
    pause: Type.Boolean(),
    reset: Type.Boolean(),
    suspend: Type.Boolean({ description: 'suspend to disk' }),
    crashPause: Verdict,
    hotplug: Type.Array(Type.String(), {
      description: 'what a running VM takes without a restart: disks, nics, cdrom, linkUp, diskSize, memoryMiB, cores',
    }),
    hardware: HardwareSupport,
    maxCores: Type.Integer(),
    minMemoryMiB: Type.Integer(),
    maxMemoryMiB: Type.Integer(),
  },
  closed,
);
export type Capabilities = Type.Static<typeof Capabilities>;

/** A fact about the host with its reason, and the remedy where something is missing. */
export const HostFact = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    value: Type.String(),
    status: Type.Union([Type.Literal('good'), Type.Literal('limited'), Type.Literal('missing'), Type.Literal('information')]),
    reason: Type.String(),
    remedy: Type.Optional(Type.String()),
  },
  closed,
);
export type HostFact = Type.Static<typeof HostFact>;

export const HostCheck = Type.Object(
  { node: NodeName, hostname: Type.String(), checkedAt: Timestamp, facts: Type.Array(HostFact) },
  closed,
);
export type HostCheck = Type.Static<typeof HostCheck>;

/** A driver's instance on a node. */
export const Hypervisor = Type.Object(
  {
    id: HypervisorId,
    node: NodeName,
    usable: Type.Boolean(),
    version: Type.Union([Type.String(), Type.Null()]),
    execution: Type.Union([Execution, Type.Null()]),
    reasons: Type.Array(Type.String(), { description: 'why it is unusable or limited' }),
    remedy: Type.Optional(Type.String()),
    capabilities: Capabilities,
  },
  closed,
);
export type Hypervisor = Type.Static<typeof Hypervisor>;
