import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultNic, fixedHardware } from '@nakhoda/driver';
import fc from 'fast-check';

import { exampleDisk, exampleRecord } from '../testing/example-vm.ts';
import { planRollback, type RollbackFacts } from './rollback-plan.ts';
import type { VmPlan, VmRecord } from './vm-record.ts';

const disk = exampleDisk;
const nic = (slot: string, mac: string, network = 'lab') => ({ slot, network, mac, ...defaultNic(fixedHardware) });
const then: VmPlan = {
  ...exampleRecord({ disks: [disk('disk0', 'disk-0.qcow2')], cdrom: 'local:iso/a.iso' }),
  cdromPath: '/iso/a.iso',
};
const facts: RollbackFacts = {
  snapshot: { name: 'first', memory: true },
  networks: new Set(['lab', 'net']),
  takenMacs: new Set(['02:4e:4b:00:00:09']),
  cdThere: true,
  files: new Set(Array.from({ length: 10 }, (_, number) => `disk-${number}.qcow2`)),
};
/** Everything was changed since. */
const now: VmRecord = {
  spec: {
    ...then.spec,
    ...{ name: 'other', cores: 2, memoryMiB: 1024, cpuLimit: 1, bootOrder: ['net1'], cdrom: null },
    ...{ autostart: true, startOrder: 3, startDelaySeconds: 4, crashPolicy: 'restart', protection: true },
    ...{ notes: 'later', tags: ['b'], folder: 'lab' },
    disks: [disk('disk0', 'disk-0.qcow2'), disk('disk1', 'disk-1.qcow2')],
    nics: [nic('net0', '02:4e:4b:00:00:01', 'net'), nic('net1', '02:4e:4b:00:00:02')],
  },
  attachments: { net0: { kind: 'tap', tap: 'nk100n0' }, net1: { kind: 'tap', tap: 'nk100n1' } },
  cdromPath: null,
};

test('the hardware goes back; what the VM is called, and how it is kept in order, stays', () => {
  const { spec, cdromPath, changes, unused, kept } = planRollback(now, then, facts);
  const stays = (({ vmid, name, uuid, node, hypervisor, createdAt }) => ({ vmid, name, uuid, node, hypervisor, createdAt }))(now.spec);
  const order = (({ autostart, startOrder, startDelaySeconds, crashPolicy, protection, notes, tags, folder }) => ({
    ...{ autostart, startOrder, startDelaySeconds, crashPolicy, protection, notes, tags, folder },
  }))(now.spec);
  assert.deepEqual(spec, { ...then.spec, ...stays, ...order });
  assert.equal(cdromPath, '/iso/a.iso');
  assert.deepEqual(changes.map(({ field }) => field).sort(), [
    'bootOrder',
    'cdrom',
    'cores',
    'cpuLimit',
    'disks.disk1',
    'memoryMiB',
    'nics.net0.network',
    'nics.net1',
  ]);
  assert.deepEqual(unused, ['disk-1.qcow2']);
  assert.deepEqual(kept, {}, 'net0 is on another network now');
});

test('a way to a network that a NIC is on still is kept, also where the run alone has it', () => {
  const tunnel = { kind: 'udp-tunnel', localPort: 1, peerPort: 2 } as const;
  const same: VmRecord = { ...now, spec: { ...now.spec, nics: then.spec.nics }, attachments: { net0: tunnel } };
  assert.deepEqual(planRollback(same, then, facts).kept, { net0: tunnel });
  const gone: VmRecord = { ...now, spec: { ...now.spec, nics: [] }, attachments: {}, active: { ...same } };
  assert.deepEqual(planRollback(gone, then, facts).kept, { net0: tunnel });
});

test('what cannot be as it was is refused with the way out, or told', () => {
  const withFacts = (more: Partial<RollbackFacts>) => () => planRollback(now, then, { ...facts, ...more });
  assert.throws(withFacts({ networks: new Set(['net']) }), { code: 'network.not-found', message: /lab/u, hint: /network create lab/u });
  assert.throws(withFacts({ takenMacs: new Set(['02:4e:4b:00:00:01']) }), { code: 'vm.mac-taken', message: /net0/u });
  assert.throws(withFacts({ cdThere: false }), { code: 'storage.volume-not-found', hint: /\/iso\/a\.iso/u });
  const { spec, cdromPath, notes } = withFacts({ cdThere: false, snapshot: { name: 'first', memory: false } })();
  assert.deepEqual([spec.cdrom, cdromPath], [null, null], 'without memory the drive is empty');
  assert.match(notes.join(), /local:iso\/a\.iso is gone/u);
});

test('an image that is to be deleted anyway is not called unused; one that only the run has is', () => {
  const active = { ...then, spec: { ...then.spec, disks: [...now.spec.disks, disk('disk2', 'disk-2.qcow2')] } };
  const { unused } = planRollback({ ...now, active, discarded: ['disk-2.qcow2'] }, then, facts);
  assert.deepEqual(unused, ['disk-1.qcow2']);
  assert.deepEqual(planRollback({ ...now, active }, then, facts).unused, ['disk-1.qcow2', 'disk-2.qcow2']);
  const files = new Set(['disk-0.qcow2', 'disk-2.qcow2']);
  assert.deepEqual(planRollback({ ...now, active }, then, { ...facts, files }).unused, ['disk-2.qcow2'], 'one that was never made');
});

test('to roll back twice changes nothing the second time, and no image is lost', () => {
  const disks = fc
    .uniqueArray(fc.integer({ min: 0, max: 9 }), { maxLength: 6 })
    .map((numbers) => numbers.map((number) => disk(`disk${number}`, `disk-${number}.qcow2`)));
  fc.assert(
    fc.property(disks, disks, fc.integer({ min: 1, max: 8 }), (before, after, cores) => {
      const record: VmRecord = { ...now, spec: { ...now.spec, disks: before, cores } };
      const plan: VmPlan = { ...then, spec: { ...then.spec, disks: after } };
      const { spec, cdromPath, unused } = planRollback(record, plan, facts);
      const again = planRollback({ spec, attachments: {}, cdromPath }, plan, facts);
      assert.deepEqual([again.changes, again.unused, again.spec], [[], [], spec]);
      const files = new Set([...spec.disks.map(({ volume }) => volume.split('/').at(-1)), ...unused]);
      for (const { volume } of before) assert.ok(files.has(volume.split('/').at(-1)), volume);
    }),
  );
});
