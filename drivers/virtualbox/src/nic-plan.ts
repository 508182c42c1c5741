import type { MachineNic } from '@nakhoda/driver';
import type { NicModel } from '@nakhoda/schema';

import { slotNumber } from './storage-places.ts';

/** NICs that VirtualBox has with either chipset; ICH9 would have more than a VM of Nakhoda's can ask for. */
export const nicSlots = 8;

/** Cards by VirtualBox's names. */
export const nicTypes: Partial<Record<NicModel, string>> = { e1000: '82540EM', virtio: 'virtio', pcnet: 'Am79C973' };

/** Whether the guest sees a link. */
export function hasCable({ linkUp, attachment }: Pick<MachineNic, 'linkUp' | 'attachment'>): boolean {
  return linkUp && attachment.kind !== 'none';
}

/** The cards, those that go included. */
export function nicArgs(nics: readonly MachineNic[]): string[] {
  const unused = Array.from({ length: nicSlots }, (_, slot) => slot).filter((slot) => !nics.some((nic) => slotNumber(nic.slot) === slot));
  const cards = nics.flatMap((nic) => {
    const number = slotNumber(nic.slot) + 1;
    const type = nicTypes[nic.model] ?? '82540EM';
    return [`--nic-type${number}`, type, `--mac-address${number}`, nic.mac.replaceAll(':', '').toUpperCase()];
  });
  return [...attachmentArgs(nics), ...cards, ...unused.flatMap((slot) => [`--nic${slot + 1}`, 'none'])];
}

/**
 * The host's side of the NICs. VirtualBox lets it be changed even while the VM's memory is saved, which it does not
 * for the cards themselves (7.2.22: "The machine is not mutable").
 */
export function attachmentArgs(nics: readonly MachineNic[]): string[] {
  return nics.flatMap((nic) => {
    const { slot, attachment } = nic;
    const number = slotNumber(slot) + 1;
    const cable = [`--cable-connected${number}`, hasCable(nic) ? 'on' : 'off'];
    switch (attachment.kind) {
      case 'udp-tunnel':
        return [
          ...[`--nic${number}`, 'generic', `--nic-generic-drv${number}`, 'UDPTunnel', `--nic-property${number}=dest=127.0.0.1`],
          ...[`--nic-property${number}=sport=${attachment.localPort}`, `--nic-property${number}=dport=${attachment.peerPort}`],
          ...cable,
        ];
      case 'bridged':
        return [`--nic${number}`, 'bridged', `--bridge-adapter${number}`, attachment.interface, ...cable];
      case 'none':
      case 'tap':
        return [`--nic${number}`, 'null', ...cable];
    }
  });
}
