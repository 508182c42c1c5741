import type { MachineDisk, MachineSpec } from '@nakhoda/driver';
import type { DiskBus, MachineName } from '@nakhoda/schema';

import { type ChainImage, chainNodes, layerNode } from '../block-nodes.ts';
import { bootIndex } from './boot-order.ts';
import { iothreadMember, iothreadObjects } from './iothreads.ts';
import { type Part, type Parts, slotNumber } from './parts.ts';
import { fixedPlace, pluggablePlace } from './placement.ts';

/**
 * Queues of a virtio disk. Left to itself QEMU makes one for each processor that the VM starts with, and then memory of
 * a VM that got a processor while it ran can never be loaded again. One thread of QEMU serves them all anyway.
 */
const queues = 4;

/** The id of a disk's device. */
export function diskDevice(slot: string): string {
  return `${slot}-device`;
}

/** The node above a disk's images, which its device uses: a throttle, there from the start so that limits can come. */
export function limitsNode(slot: string): string {
  return `${slot}-limits`;
}

/** The device that takes the others with it when it is unplugged; null for a disk that stays as long as the VM runs. */
export function pluggedDevice({ slot, bus }: Pick<MachineDisk, 'slot' | 'bus'>): string | null {
  if (bus === 'scsi') return controller(slot);
  return bus === 'virtio' || bus === 'nvme' ? diskDevice(slot) : null;
}

/** Why the machine has no such place, as a sentence; null when it has. */
export function diskPlaceProblem(machine: MachineName, { slot, bus }: Pick<MachineDisk, 'slot' | 'bus'>): string | null {
  if (bus !== 'ide') return null;
  if (machine === 'q35') return 'The machine q35 has no IDE.';
  return ideUnits[slot] ? null : `IDE has places for ${Object.keys(ideUnits).join(', ')} only, beside the CD drives.`;
}

/** The limits of a throttle group, where 0 is none. */
export function diskLimits({ iopsLimit, mbpsLimit }: Pick<MachineDisk, 'iopsLimit' | 'mbpsLimit'>): Part {
  return { 'iops-total': iopsLimit, 'bps-total': mbpsLimit * 1_000_000 };
}

/** All that makes up a disk. `chain` are its images, top first. */
export function diskParts(spec: Pick<MachineSpec, 'machine' | 'bootOrder'>, disk: MachineDisk, chain: readonly ChainImage[]): Parts {
  const { slot } = disk;
  return {
    objects: [...iothreadObjects(disk), { 'qom-type': 'throttle-group', 'id': limitsNode(slot), 'limits': diskLimits(disk) }],
    nodes: [
      ...chainNodes(slot, chain, disk),
      {
        'driver': 'throttle',
        'node-name': limitsNode(slot),
        'throttle-group': limitsNode(slot),
        'file': layerNode(slot, chain[0]?.layer ?? 0),
        ...(disk.discard ? { discard: 'unmap' } : {}),
      },
    ],
    devices: devices(spec, disk),
  };
}

function devices(spec: Pick<MachineSpec, 'machine' | 'bootOrder'>, disk: MachineDisk): Part[] {
  const { slot, bus, cache, ssd } = disk;
  const place = pluggablePlace(spec.machine, slot);
  const common = {
    drive: limitsNode(slot),
    serial: slot,
    // Without a cache of its own, a disk's every write is on stable storage when it is done.
    ...(cache === 'writethrough' || cache === 'directsync' ? { 'write-cache': 'off' } : {}),
    ...bootIndex(spec, slot),
  };
  // One revolution a minute is SCSI's and ATA's word for none (SBC-4, 6.6.7).
  const rotation = ssd ? { rotation_rate: 1 } : {};
  const id = diskDevice(slot);
  switch (bus) {
    case 'virtio':
      return [{ 'driver': 'virtio-blk-pci', id, ...place, 'num-queues': queues, ...iothreadMember(disk), ...common }];
    case 'nvme':
      return [{ driver: 'nvme', id, ...place, ...common }];
    case 'scsi':
      return [
        { driver: 'virtio-scsi-pci', id: controller(slot), ...place, num_queues: queues, ...iothreadMember(disk) },
        { 'driver': 'scsi-hd', id, 'bus': `${controller(slot)}.0`, 'scsi-id': 0, 'lun': 0, ...common, ...rotation },
      ];
    case 'sata':
      return [{ driver: 'ide-hd', id, ...sataPlace(spec.machine, slot), ...common, ...rotation }];
    case 'ide':
      return [{ driver: 'ide-hd', id, ...ideUnits[slot], ...common, ...rotation }];
  }
}

/** SATA's controllers beside that of the chipset, as far as the disks need them. */
export function sataControllers(spec: Pick<MachineSpec, 'machine' | 'disks'>): Part[] {
  const needed = new Set(spec.disks.filter(({ bus }) => bus === 'sata').map(({ slot }) => sataController(spec.machine, slot).controller));
  return (['sata0', 'sata1'] as const)
    .filter((id) => needed.has(id))
    .map((id) => ({ driver: 'ich9-ahci', id, ...fixedPlace(spec.machine, id) }));
}

/** Where the CD drives are: in the first places of q35's SATA, on i440fx on the second IDE cable. */
export function cdPlace(machine: MachineName, drive: 'cd' | 'cloudinit'): Part {
  const second = drive === 'cloudinit' ? 1 : 0;
  return machine === 'q35' ? { bus: `ide.${second}` } : { bus: 'ide.1', unit: second };
}

const ideUnits: Readonly<Record<string, { bus: string; unit: number }>> = {
  disk0: { bus: 'ide.0', unit: 0 },
  disk1: { bus: 'ide.0', unit: 1 },
};

/** The chipset's controller on q35 has six places, and the CD drives have the first two; the next one has the other six disks. */
function sataController(machine: MachineName, slot: string): { controller: 'ide' | 'sata0' | 'sata1'; position: number } {
  const number = slotNumber(slot);
  if (number >= 4) return { controller: 'sata1', position: number - 4 };
  return machine === 'q35' ? { controller: 'ide', position: number + 2 } : { controller: 'sata0', position: number };
}

function sataPlace(machine: MachineName, slot: string): { bus: string } {
  const { controller: id, position } = sataController(machine, slot);
  return { bus: `${id}.${position}` };
}

function controller(slot: string): string {
  return `${slot}-controller`;
}

/** Buses that a disk can be plugged into, and out of, while the guest runs. */
export const pluggableBuses: ReadonlySet<DiskBus> = new Set<DiskBus>(['virtio', 'scsi', 'nvme']);
