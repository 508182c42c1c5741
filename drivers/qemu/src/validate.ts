import { type MachineSpec, type SpecProblem, specProblems } from '@nakhoda/driver';
import type { Capabilities } from '@nakhoda/schema';

import { diskPlaceProblem } from './hardware/disks.ts';
import { iothreadBusProblem } from './hardware/iothreads.ts';
import type { HostHardware } from './host-hardware.ts';
import { machinePaths } from './machine-paths.ts';

/** One sector. */
const minDiskBytes = 512;
/** What Linux takes as an interface's name, without what is special to QEMU. */
const interfacePattern = /^[A-Za-z0-9_.-]{1,15}$/;

/** Faults in a spec; all of them, each with its field. Pure. */
export function validateSpec(spec: MachineSpec, capabilities: Capabilities, host: Pick<HostHardware, 'usb' | 'iommu'>): SpecProblem[] {
  const { qmpSocket, serialSocket, secondSerialSocket, agentSocket, memorySocket, tpmSocket, vncSocket } = machinePaths(spec);
  const sockets = [qmpSocket, serialSocket, secondSerialSocket, agentSocket, memorySocket, tpmSocket, vncSocket];
  return [
    ...specProblems(spec, capabilities, { hypervisor: 'QEMU', sockets, minDiskBytes }),
    ...spec.nics.flatMap(({ attachment }, index) => {
      if (attachment.kind !== 'tap' || interfacePattern.test(attachment.tap)) return [];
      const message = `${JSON.stringify(attachment.tap)} is no name of a TAP interface.`;
      return [{ field: `nics.${index}.attachment`, message, hint: 'Use 1 to 15 letters, digits, ".", "_" and "-".' }];
    }),
    ...spec.disks.flatMap((disk, index) => diskProblems(spec, disk, `disks.${index}`)),
    ...chipsetProblems(spec),
    ...hostDeviceProblems(spec, host),
  ];
}

function diskProblems({ machine }: MachineSpec, disk: MachineSpec['disks'][number], field: string): SpecProblem[] {
  const place = diskPlaceProblem(machine, disk);
  const threadless = iothreadBusProblem(disk);
  const silent = disk.ssd && disk.bus === 'virtio';
  return [
    ...(place === null ? [] : [{ field: `${field}.bus`, message: place, hint: 'Use sata, scsi or virtio, or the machine i440fx.' }]),
    ...(threadless === null ? [] : [{ field: `${field}.iothread`, message: threadless, hint: 'Use virtio or scsi.' }]),
    ...(silent
      ? [{ field: `${field}.ssd`, message: 'virtio-blk has no way to tell the guest that it is an SSD.', hint: 'Use scsi.' }]
      : []),
  ];
}

function chipsetProblems({ machine, secureBoot }: MachineSpec): SpecProblem[] {
  if (machine === 'q35' || !secureBoot) return [];
  const message = 'Secure boot needs system management mode, which the machine i440fx lacks.';
  return [{ field: 'secureBoot', message, hint: 'Use the machine q35.' }];
}

function hostDeviceProblems({ machine, hostDevices }: MachineSpec, host: Pick<HostHardware, 'usb' | 'iommu'>): SpecProblem[] {
  const problem = (message: string, hint: string): SpecProblem => ({ field: 'hostDevices', message, hint });
  return hostDevices.flatMap((device, index) => {
    if (hostDevices.indexOf(device) !== index) return [problem(`${device} is named twice.`, 'Name each device once.')];
    if (device.startsWith('usb:'))
      return host.usb ? [] : [problem(`${device}: the host has no USB devices (/dev/bus/usb).`, 'Take it out of the VM.')];
    if (!host.iommu) return [problem(`${device}: the host has no IOMMU groups.`, 'Enable VT-d or AMD-Vi in the firmware and the kernel.')];
    return machine === 'q35' ? [] : [problem(`${device}: the machine i440fx has no PCI Express ports.`, 'Use the machine q35.')];
  });
}
