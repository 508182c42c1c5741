import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

/** Places of the host's devices; tests give folders of their own. */
export interface HostDeviceFolders {
  usb: string;
  pci: string;
}

const kernelFolders: HostDeviceFolders = { usb: '/sys/bus/usb/devices', pci: '/sys/bus/pci/devices' };

/**
 * Looks whether the devices of the host that the VM is to get are there and free for it.
 * @throws NakhodaError `vm.start-failed` with what is missing
 */
export async function checkHostDevices(spec: Pick<MachineSpec, 'name' | 'hostDevices'>, folders = kernelFolders): Promise<void> {
  for (const device of spec.hostDevices) {
    const problem = device.startsWith('usb:') ? await usbProblem(device, folders) : await pciProblem(device, folders);
    if (problem === null) continue;
    throw new NakhodaError('vm.start-failed', { message: `VM ${spec.name} cannot have ${device}: ${problem.message}`, hint: problem.hint });
  }
}

async function usbProblem(device: string, { usb }: HostDeviceFolders): Promise<{ message: string; hint: string } | null> {
  const [, vendor, product] = device.split(':');
  const text = (path: string): Promise<string> =>
    readFile(path, 'utf8').then(
      (content) => content.trim(),
      () => '',
    );
  for (const entry of await readdir(usb).catch(() => [])) {
    if ((await text(join(usb, entry, 'idVendor'))) === vendor && (await text(join(usb, entry, 'idProduct'))) === product) return null;
  }
  return { message: 'no such USB device is plugged into the host.', hint: 'Plug it in, or take it out of the VM.' };
}

async function pciProblem(device: string, { pci }: HostDeviceFolders): Promise<{ message: string; hint: string } | null> {
  const folder = join(pci, device.slice('pci:'.length));
  const entries = await readdir(folder).catch(() => null);
  if (!entries) return { message: 'the host has no such PCI device.', hint: 'Look at its address with `lspci -D`.' };
  if (!entries.includes('iommu_group'))
    return { message: 'it is in no IOMMU group.', hint: 'Enable VT-d or AMD-Vi in the firmware and the kernel (intel_iommu=on).' };
  const uevent = await readFile(join(folder, 'uevent'), 'utf8').catch(() => '');
  const driver = /^DRIVER=(.*)$/m.exec(uevent)?.[1] ?? 'no driver';
  if (driver === 'vfio-pci') return null;
  return {
    message: `it is in the hands of ${driver}, not of vfio-pci.`,
    hint: 'Bind it to vfio-pci first, with all devices of its IOMMU group.',
  };
}
