import type { MachineNic } from '@nakhoda/driver';
import type { FoundMachine, NicModel } from '@nakhoda/schema';

import { slotNumber } from './storage-places.ts';

/** NICs that VirtualBox has with either chipset; ICH9 would have more than a VM of Nakhoda's can ask for. */
export const nicSlots = 8;

/** Cards by VirtualBox's names. */
export const nicTypes: Partial<Record<NicModel, string>> = { e1000: '82540EM', virtio: 'virtio', pcnet: 'Am79C973' };

/** Whether the guest sees a link. */
export function hasCable({ linkUp, attachment }: Pick<MachineNic, 'linkUp' | 'attachment'>): boolean {
  return linkUp && attachment.kind !== 'none';
}

/** Cards of an adopted VM that are on no network of ours. */
export function looseNics(nics: readonly Pick<MachineNic, 'slot'>[], found: FoundMachine | undefined): FoundMachine['nics'] {
  return (found?.nics ?? []).filter(({ slot }) => !nics.some((nic) => nic.slot === slot));
}

/** The cards, those that go included. */
export function nicArgs(nics: readonly MachineNic[], found?: FoundMachine): string[] {
  const unused = Array.from({ length: nicSlots }, (_, slot) => slot).filter(
    (slot) => ![...nics, ...(found?.nics ?? [])].some((nic) => slotNumber(nic.slot) === slot),
  );
  const cards = nics.flatMap((nic) => {
    const number = slotNumber(nic.slot) + 1;
    const type = nicTypes[nic.model] ?? '82540EM';
    return [`--nic-type${number}`, type, `--mac-address${number}`, nic.mac.replaceAll(':', '').toUpperCase()];
  });
  // One that a NIC of ours had taken the place of has its own address again.
  const own = looseNics(nics, found).flatMap(({ slot, mac }) => [
    `--mac-address${slotNumber(slot) + 1}`,
    mac.replaceAll(':', '').toUpperCase(),
  ]);
  return [...attachmentArgs(nics, found), ...cards, ...own, ...unused.flatMap((slot) => [`--nic${slot + 1}`, 'none'])];
}

/**
 * The host's side of the NICs. VirtualBox lets it be changed even while the VM's memory is saved, which it does not
 * for the cards themselves (7.2.22: "The machine is not mutable"). Cards of an adopted VM that are on no network of ours
 * are tied to nothing, also after a roll back to a snapshot of its former life.
 */
export function attachmentArgs(nics: readonly MachineNic[], found?: FoundMachine): string[] {
  const pulled = looseNics(nics, found).flatMap(({ slot }) => [
    `--nic${slotNumber(slot) + 1}`,
    'null',
    `--cable-connected${slotNumber(slot) + 1}`,
    'off',
  ]);
  const tied = nics.flatMap((nic) => {
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
  return [...tied, ...pulled];
}
