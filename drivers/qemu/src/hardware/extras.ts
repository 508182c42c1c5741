import type { MachineSpec } from '@nakhoda/driver';

import { machinePaths } from '../machine-paths.ts';
import { escapeCommas, listeningSocket, toArguments } from './parts.ts';
import { fixedPlace, hostDevicePlace } from './placement.ts';

/** The serial ports; the first is the console. */
export function serialPorts(spec: MachineSpec): string[] {
  const { serialSocket, secondSerialSocket } = machinePaths(spec);
  return [serialSocket, secondSerialSocket]
    .slice(0, spec.serialPorts)
    .flatMap((path, index) => [
      ...['-chardev', listeningSocket(`serial${index}`, path)],
      ...toArguments({ devices: [{ driver: 'isa-serial', id: `serial${index}-device`, chardev: `serial${index}` }] }),
    ]);
}

export function randomSource({ rng, machine }: MachineSpec): string[] {
  if (!rng) return [];
  return toArguments({
    objects: [{ 'qom-type': 'rng-random', 'id': 'rng0', 'filename': '/dev/urandom' }],
    devices: [{ driver: 'virtio-rng-pci', id: 'rng0-device', rng: 'rng0', ...fixedPlace(machine, 'rng') }],
  });
}

/** Gives back what the guest takes too much of when it is short itself, and tells the host of pages that are free. */
export function balloon({ balloonMiB, machine }: MachineSpec): string[] {
  if (balloonMiB === 0) return [];
  const device = { 'driver': 'virtio-balloon-pci', 'id': 'balloon0', ...fixedPlace(machine, 'balloon'), 'deflate-on-oom': true };
  return toArguments({ devices: [{ ...device, 'free-page-reporting': true }] });
}

export function watchdog({ watchdog: action, machine }: MachineSpec): string[] {
  if (action === 'none') return [];
  return toArguments({ devices: [{ driver: 'i6300esb', id: 'watchdog0', ...fixedPlace(machine, 'watchdog') }] });
}

/**
 * What QEMU does at a guest's end. A watchdog that is to take the power away pauses the guest first, as a shutdown
 * does: QEMU's own `poweroff` would end the process, and that would look like a crash.
 */
export function actions({ watchdog: action }: MachineSpec): string {
  const watchdogAction = action === 'none' ? '' : `,watchdog=${action === 'reset' ? 'reset' : 'pause'}`;
  return `shutdown=pause,panic=pause${watchdogAction}`;
}

/** A sound card that plays to nobody: programs in the guest find one. */
export function audio({ audio: wanted, machine }: MachineSpec): string[] {
  if (!wanted) return [];
  return [
    ...['-audiodev', 'none,id=audio0'],
    ...toArguments({
      devices: [
        { driver: 'ich9-intel-hda', id: 'sound0', ...fixedPlace(machine, 'audio') },
        { driver: 'hda-duplex', id: 'sound0-codec', bus: 'sound0.0', audiodev: 'audio0' },
      ],
    }),
  ];
}

/** A TPM 2.0 whose work is done by swtpm, on the other side of a socket. */
export function tpm(spec: MachineSpec): string[] {
  if (!spec.tpm) return [];
  return [
    ...['-chardev', `socket,id=tpm0,path=${escapeCommas(machinePaths(spec).tpmSocket)}`],
    ...['-tpmdev', 'emulator,id=tpm0,chardev=tpm0'],
    ...toArguments({ devices: [{ driver: 'tpm-crb', id: 'tpm0-device', tpmdev: 'tpm0' }] }),
  ];
}

/**
 * Devices of the host: USB by their nodes, PCI by address. Not USB by vendor and product: for that QEMU looks through all
 * of the host's devices, which an isolated one does not see, and might take another VM's.
 */
export function hostDevices(spec: Pick<MachineSpec, 'hostDevices' | 'machine'>, usbNodes: Readonly<Record<string, string>>): string[] {
  const usb = spec.hostDevices.flatMap((name) => usbNodes[name] ?? []);
  const pci = pciDevices(spec);
  return toArguments({
    devices: [
      ...(usb.length > 0 ? [{ driver: 'qemu-xhci', id: 'usb0', ...fixedPlace(spec.machine, 'usb') }] : []),
      ...usb.map((hostdevice, index) => ({ driver: 'usb-host', id: `usb0-host${index}`, bus: 'usb0.0', hostdevice })),
      ...pci.map((host, index) => ({ driver: 'vfio-pci', id: `host${index}-device`, host, ...hostDevicePlace(index) })),
    ],
  });
}

/** Addresses on the host of the PCI devices that the VM gets. */
export function pciDevices({ hostDevices: names }: Pick<MachineSpec, 'hostDevices'>): string[] {
  return names.filter((name) => name.startsWith('pci:')).map((name) => name.slice('pci:'.length));
}
