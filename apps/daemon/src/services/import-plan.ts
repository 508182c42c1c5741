import { defaultNic } from '@nakhoda/driver';
import type { DiskImage, ForeignMachine } from '@nakhoda/host';
import { checkDiskSize } from '@nakhoda/host';
import { NakhodaError, type VmImport, type VmSpec } from '@nakhoda/schema';

import { planVm, type VmPlanFacts } from './vm-planner.ts';

/** A disk to be copied, and where to. */
export interface ImportedDisk {
  source: string;
  format: DiskImage['format'];
  slot: string;
}

export interface ImportPlan {
  spec: VmSpec;
  disks: ImportedDisk[];
  /** What is not taken over; whole sentences for the task's log. */
  left: string[];
}

/** At most as many as a VM has slots for. */
const mostDevices = 10;

/**
 * A foreign machine and its disks, as they were found, to the spec of the new VM. Pure.
 * @param images what each of the machine's disks is, in the same order
 * A MAC address that is taken is replaced by a new one.
 * @param freshMac gives a MAC address of our own for the n-th NIC
 * @throws NakhodaError as `planVm` does
 */
export function planImport(
  request: VmImport,
  machine: ForeignMachine,
  images: readonly DiskImage[],
  facts: VmPlanFacts & { freshMac(index: number): string },
): ImportPlan {
  const left = [...machine.left];
  const { hardware, diskFormat } = facts.capabilities;
  if (machine.disks.length > mostDevices || machine.nics.length > mostDevices) {
    throw new NakhodaError('vm.spec-invalid', {
      message: `The machine has ${machine.disks.length} disks and ${machine.nics.length} NICs; a VM has at most ${mostDevices} of each.`,
      hint: 'Import its disks one by one, into several VMs.',
    });
  }
  const choose = <Name>(what: string, wanted: Name | undefined, found: Name, given: readonly Name[]): Name => {
    if (wanted !== undefined) return wanted;
    const [usual] = given;
    if (given.includes(found) || usual === undefined) return found;
    left.push(`Its ${what} was ${String(found)}; ${request.hypervisor} gives ${String(usual)} here.`);
    return usual;
  };
  const base = planVm(
    {
      name: request.name ?? machine.name,
      hypervisor: request.hypervisor,
      ...(request.vmid === undefined ? {} : { vmid: request.vmid }),
      ...(request.network === undefined ? {} : { network: request.network }),
      ...(request.cores !== undefined
        ? { cores: request.cores }
        : machine.sockets <= hardware.maxSockets
          ? { cores: machine.cores, sockets: machine.sockets }
          : { cores: machine.cores * machine.sockets }),
      memoryMiB: request.memoryMiB ?? machine.memoryMiB,
      machine: choose('chipset', request.machine, machine.machine, hardware.machines),
      // A guest does not boot with the other firmware, so this one is not replaced but refused.
      firmware: request.firmware ?? machine.firmware,
      ...(machine.notes === '' ? {} : { notes: machine.notes.slice(0, 65_536) }),
    },
    facts,
  );
  const [pattern] = base.disks;
  if (!pattern) throw new TypeError('a planned VM has a disk');
  checkDiskSize(
    images.reduce((sum, image) => sum + image.virtualSizeBytes, 0),
    facts.pool,
  );
  const disks = machine.disks.map((disk, index): VmSpec['disks'][number] => ({
    ...pattern,
    slot: `disk${index}`,
    volume: `${facts.pool.name}:images/${base.vmid}/disk-${index}.${diskFormat}`,
    sizeGiB: (images[index]?.virtualSizeBytes ?? 0) / 1024 ** 3,
    bus: choose(`disk ${index}'s bus`, request.diskBus, disk.bus, hardware.diskBuses),
  }));
  for (const [index, { snapshots }] of images.entries())
    if (snapshots.length > 0) left.push(`The snapshots inside disk ${index} (${snapshots.join(', ')}) are not taken over.`);
  const { network } = request;
  if (network === undefined && machine.nics.length > 0) left.push('Its NICs are left out, for no --network was given.');
  const taken = new Set(facts.takenMacs);
  const nics = (network === undefined ? [] : machine.nics.length === 0 ? [{ mac: null, model: null }] : machine.nics).map((nic, index) => {
    const kept = nic.mac !== null && !taken.has(nic.mac) && (Number.parseInt(nic.mac.slice(0, 2), 16) & 1) === 0;
    if (nic.mac !== null && !kept) left.push(`The MAC address ${nic.mac} cannot be used again, so NIC ${index} gets another.`);
    const mac = kept ? (nic.mac ?? facts.freshMac(index)) : facts.freshMac(index);
    taken.add(mac);
    const usual = defaultNic(hardware);
    const model = nic.model === null ? usual.model : choose(`NIC ${index}'s model`, undefined, nic.model, hardware.nicModels);
    return { ...usual, slot: `net${index}`, network: network ?? '', mac, model };
  });
  return {
    spec: { ...base, disks, nics },
    disks: machine.disks.map(({ path }, index) => ({ source: path, format: images[index]?.format ?? 'raw', slot: `disk${index}` })),
    left,
  };
}
