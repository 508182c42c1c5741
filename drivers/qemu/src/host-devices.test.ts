import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { checkHostDevices } from './host-devices.ts';

test('devices of the host are looked for before the start, and a missing one is told with the reason', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const folders = { usb: join(folder, 'usb'), pci: join(folder, 'pci') };
  const put = async (path: string, content: string): Promise<void> => {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), content);
  };
  await put('usb/1-1/idVendor', '046d\n');
  await put('usb/1-1/idProduct', 'c52b\n');
  await put('pci/0000:01:00.0/iommu_group', '');
  await put('pci/0000:01:00.0/uevent', 'DRIVER=vfio-pci\nPCI_CLASS=20000\n');
  await put('pci/0000:02:00.0/iommu_group', '');
  await put('pci/0000:02:00.0/uevent', 'DRIVER=e1000e\n');
  await put('pci/0000:03:00.0/uevent', 'PCI_CLASS=20000\n');
  const check = (...hostDevices: string[]): Promise<void> => checkHostDevices({ name: 'web', hostDevices }, folders);
  await check('usb:046d:c52b', 'pci:0000:01:00.0');
  for (const [device, reason] of [
    ['usb:046d:0001', /no such USB device/],
    ['pci:0000:02:00.0', /in the hands of e1000e/],
    ['pci:0000:03:00.0', /no IOMMU group/],
    ['pci:0000:04:00.0', /no such PCI device/],
  ] as const)
    await assert.rejects(check(device), { code: 'vm.start-failed', message: reason });
});
