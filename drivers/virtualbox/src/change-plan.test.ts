import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultDisk, defaultHardware, defaultNic, type MachineDisk, type MachineSpec } from '@nakhoda/driver';

import { planChange } from './change-plan.ts';
import { hardwareSupport } from './hardware.ts';
import type { ObservedMachine } from './machine-file.ts';

const uuid = '11111111-2222-3333-4444-555555555555';
const support = hardwareSupport('hardware');
const disk = (slot: string, change: Partial<MachineDisk> = {}): MachineDisk => ({
  ...{ slot, path: `/srv/${slot}.vdi`, format: 'vdi', sizeBytes: 64 * 1024 * 1024 },
  ...defaultDisk(support),
  ...change,
});
const plain = { bus: 'sata', cache: 'unsafe' } as const;
const spec: MachineSpec = {
  ...{ vmid: 100, name: 'tiny-a', uuid, cores: 2, memoryMiB: 128 },
  ...defaultHardware(support),
  directory: '/srv/images/100',
  runtimeDirectory: '/srv/run/100',
  disks: [disk('disk0'), disk('disk1', { bus: 'ide' })],
  cdrom: '/srv/iso/a.iso',
  nics: [{ slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'udp-tunnel', localPort: 1, peerPort: 2 }, ...defaultNic(support) }],
};
const drive = { discard: true, nonrotational: false, bandwidthGroup: null, mediumUuid: 'a' };
const observed: ObservedMachine = {
  ...{ uuid, name: 'nakhoda-100', cores: 2, memoryMiB: 128, nics: [], aborted: false, savedState: false, currentSnapshotUuid: null },
  ...{ snapshots: [], orphans: [], remoteDisplay: false, bandwidthGroups: [], extraData: {}, serialPaths: [] },
  controllers: [
    { name: 'ide', ports: 2, hostIoCache: true },
    { name: 'sata', ports: 10, hostIoCache: true },
  ],
  attachments: [
    { ...drive, controller: 'sata', port: 0, device: 0, type: 'HardDisk', baseLocation: '/srv/disk0.vdi', hotpluggable: true },
    { ...drive, controller: 'ide', port: 0, device: 1, type: 'HardDisk', baseLocation: '/srv/disk1.vdi', hotpluggable: false },
    { ...drive, controller: 'ide', port: 1, device: 0, type: 'DVD', baseLocation: '/srv/iso/a.iso', hotpluggable: false },
  ],
};

function plan(change: Partial<MachineSpec>, facts: { observed?: ObservedMachine; running?: MachineSpec; held?: string[] } = {}) {
  const running = facts.running ?? spec;
  const wanted = { ...running, ...change };
  const { units, pending } = planChange(running, wanted, {
    observed: facts.observed ?? observed,
    existingImages: new Map([['/srv/disk0.vdi', null]]),
    held: new Set(facts.held),
  });
  return {
    steps: units.flatMap(({ steps }) => steps.map(({ args }) => args.join(' ').replace(` ${uuid}`, ''))),
    pending: pending.map(({ field }) => field),
    reasons: pending.map(({ reason }) => reason),
    recorded: units.reduce((machine, unit) => unit.record(machine), running),
    wanted,
  };
}

test('what is so already needs nothing', () => {
  assert.deepEqual([plan({}).steps, plan({}).pending], [[], []]);
});

test('another CD, and an empty drive', () => {
  const at = 'storageattach --storagectl ide --port 1 --device 0 --type dvddrive --medium';
  const { steps, recorded, wanted } = plan({ cdrom: '/srv/iso/b.iso' });
  assert.deepEqual(steps, [`${at} /srv/iso/b.iso --forceunmount`]);
  assert.deepEqual(recorded, wanted);
  assert.deepEqual(plan({ cdrom: null }).steps, [`${at} emptydrive --forceunmount`]);
});

test('a link goes down, and an attachment changes with its ports first', () => {
  const [nic] = spec.nics;
  assert.ok(nic);
  assert.deepEqual(plan({ nics: [{ ...nic, linkUp: false }] }).steps, ['controlvm setlinkstate1 off']);
  const moved = plan({ nics: [{ ...nic, attachment: { kind: 'udp-tunnel', localPort: 3, peerPort: 4 } }] });
  assert.deepEqual(moved.steps, [
    ...['dest=127.0.0.1', 'sport=3', 'dport=4'].map((property) => `controlvm nicproperty1 ${property}`),
    'controlvm nic1 generic UDPTunnel',
    'controlvm setlinkstate1 on',
  ]);
  assert.deepEqual(moved.recorded, moved.wanted);
  assert.deepEqual(plan({ nics: [{ ...nic, attachment: { kind: 'none' } }] }).steps, [
    'controlvm nic1 null',
    'controlvm setlinkstate1 off',
  ]);
  const bridged = plan({ nics: [{ ...nic, attachment: { kind: 'bridged', interface: 'br0' } }] });
  assert.deepEqual(bridged.steps, ['controlvm nic1 bridged br0', 'controlvm setlinkstate1 on']);
});

test('NICs do not come or go, nor become others', () => {
  const [nic] = spec.nics;
  assert.ok(nic);
  assert.deepEqual(plan({ nics: [] }).pending, ['nics.net0']);
  assert.deepEqual(plan({ nics: [nic, { ...nic, slot: 'net1', mac: '52:54:00:00:00:02' }] }).pending, ['nics.net1']);
  assert.deepEqual(plan({ nics: [{ ...nic, model: 'virtio' }] }).pending, ['nics.net0.model']);
});

test('a disk comes on SATA, made first; what it cannot have yet is pending, and recorded as it is', () => {
  const at = 'storageattach --storagectl sata --port 7 --device 0';
  const come = plan({ disks: [...spec.disks, disk('disk7', plain)] });
  assert.deepEqual(come.steps, [
    'createmedium disk --filename /srv/disk7.vdi --sizebyte 67108864 --format VDI --variant Standard',
    `${at} --type hdd --medium /srv/disk7.vdi`,
  ]);
  assert.deepEqual([come.pending, come.recorded], [[], come.wanted]);
  const more = plan({ disks: [...spec.disks, disk('disk7', { ssd: true })] });
  assert.deepEqual(more.pending, ['disks.disk7.cache', 'disks.disk7.ssd']);
  assert.deepEqual(more.recorded.disks.at(-1), disk('disk7', { ...plain, ssd: false }));
});

test('a disk that is attached already is not attached again', () => {
  const attachments = [
    ...observed.attachments,
    { ...drive, controller: 'sata', port: 7, device: 0, type: 'HardDisk' as const, baseLocation: '/srv/disk0.vdi', hotpluggable: true },
  ];
  const again = plan(
    { disks: [disk('disk7', { ...plain, path: '/srv/disk0.vdi' })] },
    { observed: { ...observed, attachments }, running: { ...spec, disks: [] } },
  );
  assert.deepEqual([again.steps, again.pending], [[], []]);
});

test('only disks on SATA come and go', () => {
  assert.deepEqual(plan({ disks: [disk('disk1', { bus: 'ide' })] }).steps, [
    'storageattach --storagectl sata --port 0 --device 0 --medium none',
  ]);
  const ide = plan({ disks: [disk('disk0')] });
  assert.deepEqual([ide.steps, ide.pending], [[], ['disks.disk1']]);
  assert.deepEqual(plan({ disks: [...spec.disks, disk('disk7', { ...plain, bus: 'scsi' })] }).pending, ['disks.disk7']);
  const without = { ...observed, controllers: observed.controllers.slice(0, 1) };
  const none = plan({ disks: [...spec.disks, disk('disk7', plain)] }, { observed: without });
  assert.deepEqual([none.steps, none.pending], [[], ['disks.disk7']]);
  assert.match(none.reasons[0] ?? '', /without a SATA controller/);
});

test('no disk goes that a snapshot has', () => {
  const held = plan({ disks: [disk('disk1', { bus: 'ide' })] }, { held: ['/srv/disk0.vdi'] });
  assert.deepEqual([held.steps, held.pending], [[], ['disks.disk0']]);
  assert.deepEqual(plan({ disks: [disk('disk1', { bus: 'ide' })] }, { held: ['/srv/disk1.vdi'] }).pending, []);
});

test("a disk's limit is changed where it was started with one", () => {
  const running = { ...spec, disks: [disk('disk0', { cache: 'none', mbpsLimit: 5 })] };
  const grouped = { ...observed, bandwidthGroups: [{ name: 'disk0', bytesPerSecond: 5_000_000 }] };
  const change = (mbpsLimit: number) => plan({ disks: [disk('disk0', { cache: 'none', mbpsLimit })] }, { observed: grouped, running });
  assert.deepEqual(change(6).steps, ['bandwidthctl set disk0 --limit 48m']);
  assert.deepEqual(change(0).steps, ['bandwidthctl set disk0 --limit 0']);
  assert.deepEqual(change(6).recorded.disks[0]?.mbpsLimit, 6);
  const fresh = plan({ disks: [disk('disk0', { mbpsLimit: 6 }), disk('disk1', { bus: 'ide' })] });
  assert.deepEqual(fresh.pending, ['disks.disk0.mbpsLimit']);
});

test('the cap changes at once, by the cores that run; everything else waits, each with a sentence', () => {
  const { steps, pending, reasons, recorded } = plan({
    cpuLimit: 1,
    cores: 4,
    memoryMiB: 256,
    name: 'b',
    tpm: true,
    disks: spec.disks.map((one) => ({ ...one, sizeBytes: 2 ** 30 })),
  });
  assert.deepEqual(steps, ['controlvm cpuexecutioncap 50']);
  assert.deepEqual(pending.toSorted(), ['cores', 'disks.disk0.sizeBytes', 'disks.disk1.sizeBytes', 'memoryMiB', 'name', 'tpm']);
  for (const reason of reasons) assert.match(reason, /\.$/);
  assert.deepEqual(recorded, { ...spec, cpuLimit: 1 });
});
