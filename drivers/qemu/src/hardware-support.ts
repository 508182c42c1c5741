import { type HardwareSupport, nicModels } from '@nakhoda/schema';

import { levelModels } from './hardware/cpu.ts';
import { displayDrivers } from './hardware/display.ts';
import { iothreadProblem } from './hardware/iothreads.ts';
import { memoryDriver } from './hardware/memory.ts';
import { nicDrivers } from './hardware/nics.ts';
import type { HostHardware } from './host-hardware.ts';

/** What of the API's hardware this host's QEMU gives, and why not the rest. The first of each list is the default. Pure. */
export function hardwareSupport(host: HostHardware): HardwareSupport {
  const { devices, firmware } = host;
  const withDevice = <Name extends string>(names: readonly Name[], driver: (name: Name) => string | undefined): Name[] =>
    names.filter((name) => devices.has(driver(name) ?? ''));
  const displays = withDevice(['std', 'virtio', 'qxl'] as const, (name) => displayDrivers[name]);
  const watchdog = devices.has('i6300esb');
  return {
    maxSockets: 16,
    cpuModels: cpuModels(host),
    machines: ['q35', 'i440fx'],
    firmwares: firmware.plain ? ['bios', 'uefi'] : ['bios'],
    diskBuses: [
      // First the one that takes the tiny guest, and most others, the least to start from; see decision 0011.
      'virtio',
      ...(devices.has('virtio-scsi-pci') ? (['scsi'] as const) : []),
      ...(devices.has('ich9-ahci') ? (['sata'] as const) : []),
      'ide',
      ...(devices.has('nvme') ? (['nvme'] as const) : []),
    ],
    // First the one that works on every file system and keeps what the guest flushes.
    diskCaches: ['writeback', 'none', 'writethrough', 'directsync', 'unsafe'],
    nicModels: ['virtio', ...withDevice(nicModels, (name) => nicDrivers[name]).filter((name) => name !== 'virtio')],
    displays: displays.includes('std') ? [...displays.slice(0, 1), 'none', ...displays.slice(1)] : ['none', ...displays],
    watchdogs: watchdog ? ['none', 'reset', 'poweroff', 'pause'] : ['none'],
    rng: true,
    maxDisplayMemoryMiB: 256,
    maxSerialPorts: 2,
    fields: [
      ...['rng', 'bootOrder', 'discard', 'ssd', 'iopsLimit', 'mbpsLimit', 'linkUp'],
      ...(iothreadProblem(host.version) === null ? ['iothread'] : []),
      ...(devices.has('virtio-balloon-pci') ? ['balloonMiB'] : []),
      ...(devices.has(memoryDriver) ? ['memoryMaxMiB'] : []),
      ...(firmware.secure ? ['secureBoot'] : []),
      ...(host.tpm && devices.has('tpm-crb') ? ['tpm'] : []),
      ...(devices.has('ich9-intel-hda') ? ['audio'] : []),
      ...(host.cgroups ? ['cpuLimit', 'cpuShares'] : []),
      ...(host.usb || host.iommu ? ['hostDevices'] : []),
    ],
    reasons: reasons(host),
  };
}

function cpuModels({ cpuModels: models, accelerator }: HostHardware): string[] {
  const named = models.filter((name) => name !== 'max' && name !== 'base' && name !== 'host' && !Object.hasOwn(levelModels, name));
  return ['default', ...Object.keys(levelModels), 'max', ...(accelerator === 'kvm' ? ['host'] : []), ...named.toSorted()];
}

function reasons(host: HostHardware): Record<string, string> {
  const entries: Record<string, string | false> = {
    iothread: iothreadProblem(host.version) ?? false,
    firmware: !host.firmware.plain && 'UEFI needs the package ovmf, which is not installed (`apt-get install ovmf`).',
    secureBoot: !host.firmware.secure && 'Secure boot needs the package ovmf, which is not installed (`apt-get install ovmf`).',
    tpm: !host.tpm && 'A TPM needs the package swtpm, which is not installed (`apt-get install swtpm`).',
    hostDevices:
      !host.usb &&
      !host.iommu &&
      'The host has no USB devices (/dev/bus/usb) and no IOMMU groups, so there is nothing that could be passed through.',
    memoryMaxMiB: !host.devices.has(memoryDriver) && 'This QEMU has no virtio-mem, by which memory comes and goes while a VM runs.',
    cpuModel:
      host.accelerator === 'tcg'
        ? 'Without KVM there is no processor of the host to give, and others only as far as QEMU can translate their instructions.'
        : 'Of the other models the host lacks instructions.',
    cpuLimit: !host.cgroups && 'This host has no control groups that the daemon can write.',
    cpuShares: !host.cgroups && 'This host has no control groups that the daemon can write.',
    display: "The card vmware is VirtualBox's; others that are missing are not in this QEMU.",
  };
  return Object.fromEntries(Object.entries(entries).flatMap(([field, reason]) => (reason === false ? [] : [[field, reason]])));
}
