import assert from 'node:assert/strict';
import { test } from 'node:test';

import { encodeLaunchPlan, type LaunchPlan } from './launch-plan.ts';
import { planView, type SystemFacts } from './private-view.ts';

const facts: SystemFacts = {
  roots: new Map([
    ['/bin', 'usr/bin'],
    ['/lib32', null],
  ]),
  settings: new Map([['/etc/localtime', '/usr/share/zoneinfo/Asia/Jakarta']]),
  devices: new Set(['/dev/null', '/dev/urandom', '/dev/net/tun']),
};
const plan: LaunchPlan = {
  exitPath: '/d/images/101/qemu.exit',
  cgroups: ['/sys/fs/cgroup/cpu/nakhoda-test0001/101'],
  view: planView(
    {
      lend: [{ source: '/mnt/d/images/101', path: '/d/images/101' }],
      show: [{ source: '/d/iso', path: '/d/iso' }],
      devices: ['/dev/kvm', '/dev/net/tun'],
    },
    facts,
  ),
  identity: { uid: 1900000101, gid: 1900000101 },
  argv: ['qemu-system-x86_64', '-name', 'a b'],
};
const words = (text: string): string[] => text.split('\0');

test('a launch plan in the words of the supervisor', () => {
  assert.deepEqual(words(encodeLaunchPlan(plan)), [
    ...['nakhoda-launch-1', '/d/images/101/qemu.exit'],
    ...['cgroup', '/sys/fs/cgroup/cpu/nakhoda-test0001/101'],
    'view',
    ...['show', '/usr', '/usr'],
    ...['link', 'usr/bin', '/bin'],
    ...['show', '/lib32', '/lib32'],
    ...['show', '/usr/share/zoneinfo/Asia/Jakarta', '/etc/localtime'],
    ...['device', '/dev/null', '1900000101', '1900000101'],
    ...['device', '/dev/urandom', '1900000101', '1900000101'],
    ...['device', '/dev/net/tun', '1900000101', '1900000101'],
    ...['show', '/d/iso', '/d/iso'],
    ...['lend', '/mnt/d/images/101', '/d/images/101'],
    'close',
    ...['become', '1900000101', '1900000101', '', '-1', '0'],
    ...['run', 'qemu-system-x86_64', '-name', 'a b'],
    '',
  ]);
});

test('without an identity the program is run as it is', () => {
  assert.deepEqual(words(encodeLaunchPlan({ ...plan, cgroups: [], view: null, identity: null })), [
    ...['nakhoda-launch-1', '/d/images/101/qemu.exit', 'run', 'qemu-system-x86_64', '-name', 'a b', ''],
  ]);
  assert.throws(() => encodeLaunchPlan({ ...plan, identity: null }), RangeError);
});

test('a capability is kept behind the guard alone', () => {
  const guarded = words(encodeLaunchPlan({ ...plan, userfaultfd: true }));
  assert.deepEqual(guarded.slice(guarded.indexOf('close'), guarded.indexOf('run')), [
    ...['close', 'guard', 'become', '1900000101', '1900000101', '', '19', '0'],
  ]);
  assert.throws(() => encodeLaunchPlan({ ...plan, view: null, userfaultfd: true }), RangeError);
});

test('a program that may lock memory gets the limit before its power goes', () => {
  const locking = words(encodeLaunchPlan({ ...plan, lockedBytes: 1_610_612_736 }));
  assert.deepEqual(locking.slice(locking.indexOf('close')).slice(0, 4), ['close', 'lock', '1610612736', 'become']);
});

test('what would change the meaning of a plan is refused', () => {
  assert.throws(() => encodeLaunchPlan({ ...plan, argv: ['qemu', 'a\0view'] }), RangeError);
  assert.throws(() => encodeLaunchPlan({ ...plan, argv: [] }), RangeError);
  for (const path of ['images', '/', '/d/../etc', '/d/./x'])
    for (const pair of [
      { source: path, path: '/x' },
      { source: '/x', path },
    ])
      assert.throws(() => planView({ lend: [pair], show: [], devices: [] }, facts), RangeError, path);
});

test('a folder comes before what lies in it', () => {
  const pair = (path: string) => ({ source: path, path });
  const view = planView({ lend: [pair('/d/images/101/disk-0.qcow2'), pair('/d')], show: [pair('/d/images')], devices: [] }, facts);
  assert.deepEqual(
    view.slice(-3).map((entry) => entry.path),
    ['/d', '/d/images', '/d/images/101/disk-0.qcow2'],
  );
});
