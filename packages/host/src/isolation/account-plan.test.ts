import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { whyNoProcesses } from './account-facts.ts';
import { type AccountFacts, accountArgv, accountNames, type AccountRequest, groupNumber, lendToArgv } from './account-plan.ts';

const identity = { uid: 1_946_157_056, gid: 1_946_157_056 };
const id = String(identity.uid);
const own: AccountFacts = {
  machine: 'x86_64',
  roots: new Map([['/bin', 'usr/bin']]),
  shown: new Map([
    ['/usr', '/c/root/usr'],
    ['/etc', '/c/root/etc'],
  ]),
  devices: new Map([['/dev/null', 'account']]),
};
const request: AccountRequest = {
  identity,
  groups: [],
  names: { passwd: '/d/virtualbox/account/passwd', group: '/d/virtualbox/account/group' },
  lend: [
    { source: '/d/virtualbox', path: '/d/virtualbox' },
    { source: '/mnt/images', path: '/d/images' },
    { source: '/d/virtualbox/ipc', path: '/tmp/.vbox-x-ipc' },
  ],
  show: [{ source: '/d/iso', path: '/d/iso' }],
  setUid: false,
};

test('a program of the isolated run time', () => {
  const [perl, supervisor, ...words] = accountArgv(request, own, ['/usr/lib/virtualbox/VBoxManage', 'list', 'vms']);
  assert.equal(perl, 'perl');
  assert.match(supervisor ?? '', /supervisor\.pl$/u);
  assert.deepEqual(words, [
    ...['--become', 'machine', 'x86_64', 'following-view'],
    ...['show', '/c/root/usr', '/usr', 'show', '/c/root/etc', '/etc'],
    ...['link', 'usr/bin', '/bin'],
    ...['show', '/d/virtualbox/account/passwd', '/etc/passwd', 'show', '/d/virtualbox/account/group', '/etc/group'],
    ...['device', '/dev/null', id, id],
    ...['processes', '/proc', 'temporary', '/tmp'],
    ...['show-deep', '/d/iso', '/d/iso'],
    ...['lend-deep', '/mnt/images', '/d/images'],
    ...['lend-deep', '/d/virtualbox', '/d/virtualbox'],
    ...['lend-deep', '/d/virtualbox/ipc', '/tmp/.vbox-x-ipc'],
    ...['close', 'folders', 'become', id, id, '', '-1', '0'],
    ...['run', '/usr/lib/virtualbox/VBoxManage', 'list', 'vms'],
  ]);
});

// Never run: it needs a host with VirtualBox's kernel driver.
test("the distribution's hardened VirtualBox with its kernel driver: root's device, the group for USB, set-uid without the bit", () => {
  const system: AccountFacts = {
    machine: 'x86_64',
    roots: new Map([
      ['/bin', 'usr/bin'],
      ['/lib32', null],
    ]),
    shown: new Map([
      ['/usr', '/usr'],
      ['/etc/ld.so.cache', '/etc/ld.so.cache'],
    ]),
    devices: new Map([
      ['/dev/vboxdrv', 'root'],
      ['/dev/vboxdrvu', 'account'],
    ]),
  };
  const words = accountArgv({ ...request, lend: [], show: [], groups: [127], setUid: true }, system, [
    ...['/usr/lib/virtualbox/VBoxHeadless', '--startvm', 'web'],
  ]).slice(2);
  assert.deepEqual(words, [
    ...['--become', 'machine', 'x86_64', 'following-view'],
    ...['show', '/usr', '/usr', 'show', '/etc/ld.so.cache', '/etc/ld.so.cache'],
    ...['link', 'usr/bin', '/bin', 'show', '/lib32', '/lib32'],
    ...['show', '/d/virtualbox/account/passwd', '/etc/passwd', 'show', '/d/virtualbox/account/group', '/etc/group'],
    ...['device', '/dev/vboxdrv', '0', '0', 'device', '/dev/vboxdrvu', id, id],
    ...['processes', '/proc', 'temporary', '/tmp'],
    ...['close', 'folders', 'become', id, id, '127', '-1', '1'],
    ...['run', '/usr/lib/virtualbox/VBoxHeadless', '--startvm', 'web'],
  ]);
});

test('whatever it is lent: folders come before what lies in them, and the user changes last, before the program', () => {
  const path = fc.array(fc.stringMatching(/^[a-z]{1,4}$/u), { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(fc.array(path, { maxLength: 6 }), fc.array(path, { maxLength: 6 }), (lend, show) => {
      const pairs = (paths: string[]) => paths.map((one) => ({ source: one, path: one }));
      const words = accountArgv({ ...request, lend: pairs(lend), show: pairs(show) }, own, ['/bin/true']);
      const places = words.flatMap((word, index) => (word.endsWith('-deep') ? [words[index + 2] ?? ''] : []));
      assert.equal(places.length, lend.length + show.length);
      for (const [index, place] of places.entries())
        assert.ok(!places.slice(index + 1).some((later) => place.startsWith(`${later}/`)), places.join(' '));
      assert.deepEqual(words.slice(-8), ['become', id, id, '', '-1', '0', 'run', '/bin/true']);
    }),
  );
});

test('what is no plain absolute path is refused', () => {
  for (const path of ['/', 'd/images', '/d/../etc', '/d/./images'])
    assert.throws(() => accountArgv({ ...request, lend: [{ source: '/d', path }] }, own, ['true']), RangeError, path);
});

test('its name, further groups, and what is lent later', () => {
  assert.deepEqual(accountNames(identity, 'nakhoda-vbox', '/d/virtualbox'), {
    passwd: `nakhoda-vbox:x:${id}:${id}::/d/virtualbox:/usr/sbin/nologin\n`,
    group: `nakhoda-vbox:x:${id}:\n`,
  });
  const groups = 'root:x:0:\nvboxusers:x:127:ann\nvboxusers-old:x:128:\nbroken:x:\n';
  assert.equal(groupNumber(groups, 'vboxusers'), 127);
  assert.equal(groupNumber(groups, 'vbox'), null);
  assert.equal(groupNumber(groups, 'broken'), null);
  const words = lendToArgv(77, [{ source: '/home/ann/web', path: '/home/ann/web' }]);
  assert.deepEqual(words.slice(2), ['--lend-to', '77', '/home/ann/web', '/home/ann/web']);
});

test('which kernels have a /proc for one program', () => {
  for (const kernel of ['5.8.0', '5.10.0-28-amd64', '6.1.0', '7.0-rc1']) assert.equal(whyNoProcesses(kernel), null);
  for (const kernel of ['5.4.0-150-generic', '4.19.0']) assert.match(whyNoProcesses(kernel) ?? '', /5\.8 and later/u);
});
