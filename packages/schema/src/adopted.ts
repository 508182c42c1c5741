import { Type } from 'typebox';

import { DiskBus } from './hardware.ts';
import { Vmid } from './names.ts';

const closed = { additionalProperties: false } as const;

/** A drive of an adopted VM, where it was found and where it stays. */
export const FoundDrive = Type.Object(
  {
    slot: Type.Union([Type.String(), Type.Null()], { description: 'disk0 to disk9, cdrom, or null for a further CD drive' }),
    type: Type.Union([Type.Literal('HardDisk'), Type.Literal('DVD')]),
    controller: Type.String(),
    port: Type.Integer(),
    device: Type.Integer(),
    path: Type.Union([Type.String(), Type.Null()], { description: 'the image that was in it' }),
    discard: Type.Boolean(),
    nonrotational: Type.Boolean(),
    hotpluggable: Type.Boolean(),
    bandwidthGroup: Type.Union([Type.String(), Type.Null()]),
    mostBytes: Type.Optional(Type.Integer({ description: 'of a disk whose image the hypervisor cannot make larger: its bytes' })),
  },
  closed,
);
export type FoundDrive = Type.Static<typeof FoundDrive>;

/** What an adopted VM had before, which its hypervisor's driver leaves as it is. */
export const FoundMachine = Type.Object(
  {
    drives: Type.Array(FoundDrive),
    controllers: Type.Array(Type.Object({ name: Type.String(), bus: Type.Union([DiskBus, Type.Null()]), ports: Type.Integer() }, closed)),
    /** Those that the VM's NICs do not take the place of have no cable. */
    nics: Type.Array(Type.Object({ slot: Type.String(), mac: Type.String() }, closed)),
    /** Absolute folders with its files, which the hypervisor has to see. */
    folders: Type.Array(Type.String()),
  },
  closed,
);
export type FoundMachine = Type.Static<typeof FoundMachine>;

/** Whose VM it was, and how it was found. */
export const Adopted = Type.Object(
  {
    /** Of the adopted VM itself: a VM made of this one is not adopted. */
    vmid: Vmid,
    user: Type.String({ description: "the user of the host whose VM it was, and whose the disks' files become again" }),
    name: Type.String({ description: 'its name there' }),
    file: Type.String({ description: 'its settings file there' }),
    found: FoundMachine,
  },
  closed,
);
export type Adopted = Type.Static<typeof Adopted>;

/** Marks the volume of an adopted VM's disk: what follows is the image's absolute path. */
export const adoptedVolume = 'adopted:';
