import type { MachineDisk, MachineSpec, SpecProblem } from '@nakhoda/driver';
import type { DiskBus } from '@nakhoda/schema';

import { slotNumber } from './storage-places.ts';

type Bootable = Pick<MachineSpec, 'bootOrder' | 'firmware' | 'disks' | 'nics'>;

/** The order in which VirtualBox's BIOS counts controllers; NVMe it cannot boot from. */
const biosOrder: readonly DiskBus[] = ['ide', 'sata', 'scsi'];

/** What a VM boots from where nothing else is asked for. */
const usualOrder = 'cdrom,disk0';

/** VirtualBox's class of a device of the boot order. */
function classOf(device: string): 'dvd' | 'disk' | 'net' {
  if (device === 'cdrom') return 'dvd';
  return device.startsWith('disk') ? 'disk' : 'net';
}

/** `--boot1` to `--boot4`, and the order of the NICs among themselves. Pure. */
export function bootArgs(spec: Bootable): string[] {
  const classes = [...new Set(spec.bootOrder.map(classOf))];
  const order = [1, 2, 3, 4].flatMap((place) => [`--boot${place}`, classes[place - 1] ?? 'none']);
  const nics = spec.bootOrder.filter((device) => device.startsWith('net'));
  const priorities = spec.nics.flatMap(({ slot }) => [`--nic-boot-prio${slotNumber(slot) + 1}`, String(nics.indexOf(slot) + 1)]);
  return [...order, ...priorities];
}

/** Boot orders that VirtualBox cannot be told: it knows the CD drive, the first disk and the network. Pure. */
export function bootProblems(spec: Bootable): SpecProblem[] {
  const { bootOrder } = spec;
  const problem = (message: string, hint: string): SpecProblem => ({ field: 'bootOrder', message, hint });
  const problems: SpecProblem[] = [];
  const disks = bootOrder.filter((device) => device.startsWith('disk'));
  const first = firstDisk(spec.disks);
  const [disk, second] = disks;
  const bus = spec.disks.find(({ slot }) => slot === disk)?.bus;
  if (second !== undefined) {
    problems.push(problem('VirtualBox boots from one disk only, the first.', `Name only ${first?.slot ?? 'disk0'}.`));
  } else if (bus === 'nvme' && spec.firmware === 'bios') {
    problems.push(
      problem(
        `VirtualBox's BIOS cannot boot from ${disk}, which is on NVMe.`,
        'Set --firmware uefi, take another bus, or leave it out of the boot order.',
      ),
    );
  } else if (disk !== undefined && first !== undefined && disk !== first.slot && bus !== undefined) {
    problems.push(
      problem(
        `VirtualBox boots from the first disk on ide, sata and scsi, in this order: here that is ${first.slot}, not ${disk}.`,
        `Name ${first.slot}, or move ${disk} before it.`,
      ),
    );
  }
  const nets = bootOrder.flatMap((device, index) => (device.startsWith('net') ? [index] : []));
  if (nets.some((place, index) => index > 0 && place !== (nets[index - 1] ?? 0) + 1)) {
    problems.push(problem('VirtualBox boots from NICs one after the other, with nothing between.', 'Name them side by side.'));
  }
  if (nets.length > 4) problems.push(problem('VirtualBox boots from four NICs at most.', 'Name fewer.'));
  if (spec.firmware === 'uefi' && bootOrder.join() !== usualOrder) {
    problems.push(
      problem(
        "VirtualBox's UEFI does not look at the boot order: the guest's own entries in its variable store decide.",
        `Leave the boot order at ${usualOrder}, and choose in the guest, or in the firmware's menu.`,
      ),
    );
  }
  return problems;
}

function firstDisk(disks: readonly MachineDisk[]): MachineDisk | undefined {
  const rank = ({ bus, slot }: MachineDisk): number => biosOrder.indexOf(bus) * 10 + slotNumber(slot);
  return disks.filter(({ bus }) => biosOrder.includes(bus)).toSorted((a, b) => rank(a) - rank(b))[0];
}
