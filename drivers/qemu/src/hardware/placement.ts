import type { MachineName } from '@nakhoda/schema';

import { hex, type Part, slotNumber } from './parts.ts';

/** Where a device stands: members of the device's part. */
export interface Place {
  bus: string;
  addr: string;
}

/** What every VM may have one of. */
export type FixedDevice = 'display' | 'channels' | 'rng' | 'balloon' | 'watchdog' | 'audio' | 'usb' | 'sata0' | 'sata1' | 'memory';

const rootBus: Record<MachineName, string> = { q35: 'pcie.0', i440fx: 'pci.0' };

/**
 * Slots on the root bus. Once a device has its place it keeps it in all versions: guests name interfaces by it, and
 * memory snapshots fit no other. The chipset has 0x0 and 0x1f on q35 and 0x0 and 0x1 on i440fx.
 */
const slots: Record<MachineName, Record<FixedDevice, number>> = {
  q35: { display: 0x1, channels: 0x2, rng: 0x3, balloon: 0x8, watchdog: 0x9, audio: 0xa, usb: 0xb, sata0: 0xc, sata1: 0xd, memory: 0xe },
  i440fx: {
    display: 0x2,
    channels: 0x3,
    rng: 0x4,
    balloon: 0x5,
    watchdog: 0x6,
    audio: 0x7,
    usb: 0x8,
    sata0: 0x9,
    sata1: 0xa,
    memory: 0x1f,
  },
};

/** First slots on i440fx, whose root bus takes devices while the guest runs. */
const firstOnRoot = { disk: 0xb, net: 0x15 };
/** First slots of the ports on q35: eight to a slot. */
const firstPort = { disk: 0x4, net: 0x6 };
const firstHostPort = 0x10;
const perKind = 10;

export function fixedPlace(machine: MachineName, device: FixedDevice): Place {
  return { bus: rootBus[machine], addr: hex(slots[machine][device]) };
}

/** The place of a disk's or NIC's PCI device, where one can be plugged in and out. */
export function pluggablePlace(machine: MachineName, slot: string): Place {
  if (machine === 'q35') return { bus: portOf(slot), addr: '0x0' };
  return { bus: rootBus.i440fx, addr: hex(firstOnRoot[kindOf(slot)] + slotNumber(slot)) };
}

/** The place of a PCI device of the host, by its position in the spec; on q35 only. */
export function hostDevicePlace(index: number): Place {
  return { bus: `host${index}-port`, addr: '0x0' };
}

/**
 * q35's root bus takes no device while the guest runs, so each disk and each NIC has a port of its own, there from the
 * start. A device of the host gets one, too: on the root bus itself it would be taken for a part of the chipset.
 */
export function ports(machine: MachineName, hostDevices: number): Part[] {
  if (machine !== 'q35') return [];
  const pluggable = (['disk', 'net'] as const).flatMap((kind, kindIndex) =>
    Array.from({ length: perKind }, (_, number) => {
      const addr = `${hex(firstPort[kind] + Math.floor(number / 8))}.${number % 8}`;
      return port(`${kind}${number}`, addr, kindIndex * perKind + number + 1, number % 8 === 0);
    }),
  );
  const others = Array.from({ length: hostDevices }, (_, index) =>
    port(`host${index}`, hex(firstHostPort + index), 2 * perKind + index + 1, false),
  );
  return [...pluggable, ...others];
}

function port(slot: string, addr: string, chassis: number, multifunction: boolean): Part {
  return { driver: 'pcie-root-port', id: portOf(slot), bus: rootBus.q35, addr, chassis, ...(multifunction ? { multifunction } : {}) };
}

function portOf(slot: string): string {
  return `${slot}-port`;
}

function kindOf(slot: string): 'disk' | 'net' {
  return slot.startsWith('disk') ? 'disk' : 'net';
}
