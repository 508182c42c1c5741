import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { findVirtualBoxRuntime, runtimeArgv, virtualBoxPrograms, type VirtualBoxRuntime } from './virtualbox-runtime.ts';

const isolated: VirtualBoxRuntime = { kind: 'isolated', root: '/cache/vb/root', version: '7.2.22_Debianr175245' };
const program = ['/usr/lib/virtualbox/VBoxManage', 'list', 'vms'] as const;

test("the system's own VirtualBox is called as it is", () => {
  const system: VirtualBoxRuntime = { kind: 'system', root: null, version: '7.0.16' };
  assert.deepEqual(runtimeArgv(system, { binds: ['/data'] }, [...program]), [...program]);
});

test('an isolated one is entered in a mount namespace of its own', () => {
  const argv = runtimeArgv(isolated, { binds: ['/data', '/cache'] }, [...program]);
  assert.deepEqual(argv.slice(0, 5), ['unshare', '--mount', '--propagation', 'slave', 'sh']);
  assert.match(argv[5] ?? '', /\/virtualbox-enter\.sh$/);
  assert.deepEqual(argv.slice(6), ['/cache/vb/root', '/data', '/cache', '--', ...program]);
});

test('without root it is entered through a user namespace', () => {
  const argv = runtimeArgv({ ...isolated, userNamespace: true }, { binds: [] }, [...program]);
  assert.deepEqual(argv.slice(0, 4), ['unshare', '--user', '--map-root-user', '--mount']);
});

test('binds that are no plain absolute folder are refused', () => {
  for (const bind of ['', '/', 'data', '--', '/data/../etc']) {
    assert.throws(() => runtimeArgv(isolated, { binds: [bind] }, [...program]), RangeError, bind);
  }
});

test('finds the current isolated run time only when it is whole', async (t) => {
  if (await findVirtualBoxRuntime({}).then((found) => found?.kind === 'system')) {
    // Where the system has its own, that one wins, and the rest of this test has nothing to say.
    const own = await findVirtualBoxRuntime({});
    assert.deepEqual([own?.kind, own?.root], ['system', null], virtualBoxPrograms);
    return;
  }
  const cache = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(cache, { recursive: true }));
  const env = { XDG_CACHE_HOME: cache };
  assert.equal(await findVirtualBoxRuntime(env), null);
  const folder = join(cache, 'nakhoda', 'virtualbox');
  await mkdir(join(folder, 'one', 'root'), { recursive: true });
  await symlink('one', join(folder, 'current'));
  assert.equal(await findVirtualBoxRuntime(env), null);
  await writeFile(join(folder, 'one', 'version'), '7.2.22_Debianr175245\n');
  assert.deepEqual(await findVirtualBoxRuntime(env), {
    ...isolated,
    root: join(folder, 'one', 'root'),
    userNamespace: process.getuid?.() !== 0,
  });
});
