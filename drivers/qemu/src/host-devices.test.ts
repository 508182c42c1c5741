import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { type HostDeviceFacts, mostLocked, readHostDeviceFacts } from './host-device-facts.ts';
import { noHostDevices, planHostDevices } from './host-devices.ts';

const mebibyte = 1024 * 1024;
const vm = { name: 'web', memoryMiB: 512, memoryMaxMiB: 0 };
const usb = (port: string, id: string, device: number, isHub = false): HostDeviceFacts['usb'][number] => {
  const [vendor = '', product = ''] = id.split(':');
  return { port, vendor, product, bus: 1, device, isHub };
};
const pci = (address: string, driver: string | null, group: string | null, isBridge = false): HostDeviceFacts['pci'][number] => ({
  ...{ address, driver, group, isBridge },
});
const facts: HostDeviceFacts = {
  usb: [
    usb('1-1', '1d6b:0002', 2, true),
    usb('1-1.2', '046d:c52b', 14),
    usb('1-3', '0781:5567', 5),
    usb('1-4', '0781:5567', 6),
    usb('1-5', '0bda:8153', 7),
  ],
  pci: [
    pci('0000:00:01.0', 'pcieport', '2', true),
    pci('0000:01:00.0', 'vfio-pci', '2'),
    pci('0000:01:00.1', null, '2'),
    pci('0000:02:00.0', 'vfio-pci', '5'),
    pci('0000:02:00.1', 'snd_hda_intel', '5'),
    pci('0000:03:00.0', 'e1000e', '6'),
    pci('0000:04:00.0', 'nvme', null),
    pci('0000:05:00.0', 'vfio-pci', '9'),
  ],
  nodes: new Set([
    ...['/dev/bus/usb/001/002', '/dev/bus/usb/001/014', '/dev/bus/usb/001/005', '/dev/bus/usb/001/006'],
    ...['/dev/vfio/vfio', '/dev/vfio/2', '/dev/vfio/5'],
  ]),
  mostLockedBytes: Infinity,
};
const plan = (...hostDevices: string[]): ReturnType<typeof planHostDevices> => planHostDevices({ ...vm, hostDevices }, facts, new Map());

test('a VM gets the nodes of its devices and no others, and may lock its memory for those that write into it', () => {
  assert.deepEqual(plan(), noHostDevices);
  assert.deepEqual(plan('usb:046d:c52b', 'usb:1-4'), {
    usb: { 'usb:046d:c52b': '/dev/bus/usb/001/014', 'usb:1-4': '/dev/bus/usb/001/006' },
    nodes: ['/dev/bus/usb/001/014', '/dev/bus/usb/001/006'],
    ...{ folders: [], lockedBytes: null },
  });
  assert.deepEqual(plan('pci:0000:01:00.0'), {
    usb: {},
    nodes: ['/dev/vfio/vfio', '/dev/vfio/2'],
    folders: ['/sys/bus/pci/devices/0000:01:00.0'],
    lockedBytes: (512 + 1024) * mebibyte,
  });
  const growing = planHostDevices({ ...vm, memoryMaxMiB: 2048, hostDevices: ['pci:0000:01:00.0'] }, facts, new Map());
  assert.equal(growing.lockedBytes, (2048 + 1024) * mebibyte);
});

for (const [title, devices, message, hint] of [
  ['one that is not plugged in', ['usb:046d:0001'], /no such USB device/, /Plug it in/],
  ['an empty port', ['usb:2-1'], /nothing is plugged in there/, /lsusb -t/],
  ['one of two that are alike', ['usb:0781:5567'], /2 such devices/, /usb:1-3, usb:1-4/],
  ['a hub', ['usb:1-1'], /it is a hub/, /behind it/],
  ['one without a node', ['usb:0bda:8153'], /\/dev\/bus\/usb\/001\/007 is missing/, /udev/],
  ['one that is named in two ways', ['usb:046d:c52b', 'usb:1-1.2'], /a second time/, /once/],
  ['a PCI device that is not there', ['pci:0000:0a:00.0'], /no such PCI device/, /lspci -D/],
  ['one without an IOMMU', ['pci:0000:04:00.0'], /no IOMMU group/, /VT-d/],
  ['a bridge', ['pci:0000:00:01.0'], /a bridge/, /behind it/],
  [
    'one that the host uses',
    ['pci:0000:03:00.0'],
    /in the hands of e1000e/,
    /devices\/0000:03:00.0\/driver_override; echo 0000:03:00.0 > \/sys\/bus\/pci\/devices\/0000:03:00.0\/driver\/unbind/,
  ],
  [
    'one that no driver has',
    ['pci:0000:01:00.1'],
    /in the hands of no driver/,
    /driver_override; echo 0000:01:00.1 > \/sys\/bus\/pci\/drivers_probe/,
  ],
  ['one whose group the host uses', ['pci:0000:02:00.0'], /group 5: 0000:02:00.1 \(snd_hda_intel\)/, /0000:02:00.1\/driver_override/],
  ['one whose group has no node', ['pci:0000:05:00.0'], /\/dev\/vfio\/9 is missing/, /modprobe vfio-pci/],
] as [string, string[], RegExp, RegExp][]) {
  test(`refused before the start: ${title}`, () => {
    assert.throws(
      () => plan(...devices),
      (error: { code: string; message: string; hint: string }) => {
        assert.equal(error.code, 'vm.start-failed');
        assert.match(error.message, new RegExp(`^VM web cannot have ${devices.at(-1)}: `));
        assert.match(error.message, message);
        assert.match(error.hint, hint);
        return true;
      },
    );
  });
}

test('refused before the start: what another running VM has', () => {
  const used = new Map([
    ['/dev/bus/usb/001/014', 'desk'],
    ['/dev/vfio/2', 'games'],
  ]);
  const start = (name: string) => () => planHostDevices({ ...vm, hostDevices: [name] }, facts, used);
  assert.throws(start('usb:046d:c52b'), { message: /VM desk has it/, hint: /Stop VM desk/ });
  assert.throws(start('pci:0000:01:00.0'), { message: /VM games has it/ });
});

test('refused before the start: what needs more locked memory than the daemon can allow', () => {
  const start = (mostLockedBytes: number) =>
    planHostDevices({ ...vm, hostDevices: ['pci:0000:01:00.0'] }, { ...facts, mostLockedBytes }, new Map());
  assert.throws(() => start(8 * mebibyte), { message: /has to lock 1536 MiB of memory for it, and the daemon may allow 8 MiB/ });
  assert.equal(start(1536 * mebibyte).lockedBytes, 1536 * mebibyte);
  // Recorded on Linux 6.18: root that lacks CAP_SYS_RESOURCE; below it root with all capabilities.
  const limits =
    'Limit                     Soft Limit           Hard Limit           Units     \nMax locked memory         8388608              8388608              bytes     \n';
  assert.equal(mostLocked(limits, 'CapEff:\t000001fffeffffff\n'), 8_388_608);
  assert.equal(mostLocked(limits, 'CapEff:\t000001ffffffffff\n'), Infinity);
  assert.equal(mostLocked(limits.replaceAll('8388608', 'unlimited'), 'CapEff:\t0000000000000000\n'), Infinity);
  assert.equal(mostLocked('', ''), 0);
});

/** A sysfs with a keyboard behind a hub, and a network card behind a port; as Linux 6.1 lays it out. */
async function tree(t: TestContext): Promise<{ sys: string; dev: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const [sys, dev] = [join(folder, 'sys'), join(folder, 'dev')];
  const files: Record<string, string> = {};
  const usbDevice = (name: string, [idVendor, idProduct, busnum, devnum, bDeviceClass]: string[]): void => {
    for (const [file, text] of Object.entries({ idVendor, idProduct, busnum, devnum, bDeviceClass }))
      files[`bus/usb/devices/${name}/${file}`] = `${text}\n`;
  };
  usbDevice('usb1', ['1d6b', '0002', '1', '1', '09']);
  usbDevice('1-1', ['2109', '2817', '1', '2', '09']);
  usbDevice('1-1.4', ['046d', 'c31c', '1', '13', '00']);
  files['bus/usb/devices/1-1.4:1.0/bInterfaceClass'] = '03\n';
  files['bus/pci/devices/0000:00:1c.0/class'] = '0x060400\n';
  files['bus/pci/devices/0000:01:00.0/class'] = '0x020000\n';
  files['bus/pci/devices/0000:02:00.0/class'] = '0x010802\n';
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(sys, path)), { recursive: true });
    await writeFile(join(sys, path), text);
  }
  for (const [path, target] of [
    ['0000:00:1c.0/driver', '../../../../bus/pci/drivers/pcieport'],
    ['0000:00:1c.0/iommu_group', '../../../kernel/iommu_groups/7'],
    ['0000:01:00.0/driver', '../../../../bus/pci/drivers/vfio-pci'],
    ['0000:01:00.0/iommu_group', '../../../../kernel/iommu_groups/8'],
  ] as const)
    await symlink(target, join(sys, 'bus', 'pci', 'devices', path));
  // Whoever is not root can make no node; a link to one passes for it.
  for (const [node, target] of [
    ['bus/usb/001/013', '/dev/null'],
    ['vfio/vfio', '/dev/null'],
    ['vfio/8', '/dev/null'],
    ['vfio/devices', '/'],
  ] as const) {
    await mkdir(dirname(join(dev, node)), { recursive: true });
    await symlink(target, join(dev, node));
  }
  return { sys, dev };
}

test('devices as the kernel shows them', async (t) => {
  const found = await readHostDeviceFacts(await tree(t));
  assert.deepEqual(
    found.usb.toSorted((a, b) => a.port.localeCompare(b.port)),
    [
      { port: '1-1', vendor: '2109', product: '2817', bus: 1, device: 2, isHub: true },
      { port: '1-1.4', vendor: '046d', product: 'c31c', bus: 1, device: 13, isHub: false },
    ],
  );
  assert.deepEqual(
    found.pci.toSorted((a, b) => a.address.localeCompare(b.address)),
    [
      { address: '0000:00:1c.0', driver: 'pcieport', group: '7', isBridge: true },
      { address: '0000:01:00.0', driver: 'vfio-pci', group: '8', isBridge: false },
      { address: '0000:02:00.0', driver: null, group: null, isBridge: false },
    ],
  );
  assert.deepEqual([...found.nodes].toSorted(), ['/dev/bus/usb/001/013', '/dev/vfio/8', '/dev/vfio/vfio']);
  const { nodes } = planHostDevices(
    { ...vm, hostDevices: ['usb:1-1.4', 'pci:0000:01:00.0'] },
    // As it is on this machine, whatever that allows.
    { ...found, mostLockedBytes: Infinity },
    new Map(),
  );
  assert.deepEqual(nodes, ['/dev/bus/usb/001/013', '/dev/vfio/vfio', '/dev/vfio/8']);
});

test('on this host: what it has not is refused', async () => {
  const here = await readHostDeviceFacts();
  const start = (name: string) => () => planHostDevices({ ...vm, hostDevices: [name] }, here, new Map());
  assert.throws(start('usb:ffff:ffff'), { message: /no such USB device/ });
  assert.throws(start('pci:ffff:ff:1f.7'), { message: /no such PCI device/ });
  const ungrouped = here.pci.find(({ group, isBridge }) => group === null && !isBridge);
  if (ungrouped) assert.throws(start(`pci:${ungrouped.address}`), { message: /no IOMMU group/ });
});
