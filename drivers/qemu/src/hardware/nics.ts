import type { MachineNic, MachineSpec } from '@nakhoda/driver';
import type { NicModel } from '@nakhoda/schema';

import { bootIndex } from './boot-order.ts';
import { type Parts, slotNumber } from './parts.ts';
import { pluggablePlace } from './placement.ts';

/** QEMU's names of the cards. */
export const nicDrivers: Readonly<Record<NicModel, string>> = {
  virtio: 'virtio-net-pci',
  e1000: 'e1000',
  e1000e: 'e1000e',
  rtl8139: 'rtl8139',
  vmxnet3: 'vmxnet3',
  pcnet: 'pcnet',
};

/** The id of a NIC's device. */
export function nicDevice(slot: string): string {
  return `${slot}-device`;
}

/** Whether there is a cable in it, and the link is wanted. */
export function hasLink({ attachment, linkUp }: MachineNic): boolean {
  return linkUp && attachment.kind !== 'none';
}

/** All that makes up a NIC. Its link is set afterwards. */
export function nicParts(spec: Pick<MachineSpec, 'machine' | 'bootOrder'>, nic: MachineNic): Parts {
  const { slot, mac, model, attachment } = nic;
  const boot = bootIndex(spec, slot);
  return {
    netdevs: [
      attachment.kind === 'tap'
        ? { type: 'tap', id: slot, ifname: attachment.tap, script: 'no', downscript: 'no', vhost: false }
        : // A hub with nobody else on it.
          { type: 'hubport', id: slot, hubid: slotNumber(slot) },
    ],
    devices: [
      {
        driver: nicDrivers[model],
        id: nicDevice(slot),
        ...pluggablePlace(spec.machine, slot),
        netdev: slot,
        mac,
        // No boot ROM where it is not booted from: the BIOS unpacks the ROM at every boot.
        ...(boot.bootindex === undefined ? { romfile: '' } : boot),
      },
    ],
  };
}
