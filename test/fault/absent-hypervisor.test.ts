import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { HostCheck, Vm } from '@nakhoda/schema';
import { waitFor } from '@nakhoda/host';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { pathWithout } from '../support/path-without.ts';

/**
 * QEMU and VirtualBox are taken away while VMs of both exist: no QEMU program in PATH, and neither VirtualBox's isolated
 * run time nor, in a mount namespace of the daemon's own, the system's. Later they come back.
 */
let daemon: DaemonProcess;
let elsewhere: string;
const hypervisors = ['qemu', 'virtualbox'] as const;
const names = hypervisors.map((hypervisor) => `${hypervisor}-vm`);
const create = (name: string, hypervisor: string): string[] => [
  'vm',
  'create',
  name,
  '--hypervisor',
  hypervisor,
  '--memory',
  '64',
  '--disk',
  '1',
];
const hideSystemVirtualBox = 'if [ -d /usr/lib/virtualbox ]; then mount -t tmpfs none /usr/lib/virtualbox; fi; exec "$@"';

before(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'nkt-absent-'));
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
  for (const hypervisor of hypervisors) await daemon.json(...create(`${hypervisor}-vm`, hypervisor));
  await daemon.json(...create('runs', 'qemu'), '--start');
  await daemon.kill();
  await daemon.restart({
    env: { PATH: await pathWithout(join(elsewhere, 'bin'), /^(qemu-|kvm)/u), XDG_CACHE_HOME: join(elsewhere, 'cache') },
    through: ['unshare', '--mount', 'sh', '-c', hideSystemVirtualBox, 'sh'],
  });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(elsewhere, { recursive: true, force: true });
});

async function refused(...args: string[]): Promise<{ code: string; message: string; hint: string }> {
  const result = await daemon.cli([...args, '--json']);
  assert.equal(result.exitCode, 1, result.stdout + result.stderr);
  return JSON.parse(result.stderr) as { code: string; message: string; hint: string };
}

test('the host check says what is missing, and what to do about it', async () => {
  const { facts } = await daemon.json<HostCheck>('host', 'check');
  for (const hypervisor of hypervisors) {
    const fact = facts.find(({ id }) => id === hypervisor);
    assert.equal(fact?.status, 'missing', JSON.stringify(fact));
    assert.match(fact.reason, /not installed/u);
    assert.match(fact.remedy ?? '', /\.\/nakhoda setup/u);
  }
});

test('no VM can be made on them, and the refusal leaves nothing', async () => {
  for (const hypervisor of hypervisors) {
    const error = await refused(...create('new', hypervisor), '--start');
    assert.equal(error.code, 'hypervisor.unusable');
    assert.match(error.message, /not installed/u);
    assert.match(error.hint, /\.\/nakhoda setup/u);
  }
  assert.deepEqual((await daemon.json<Vm[]>('vm', 'list')).map((vm) => vm.name).sort(), [...names, 'runs'].sort());
  assert.equal((await readdir(join(daemon.data, 'images'))).length, 3);
});

test('VMs that were there before are shown, with the reason why they cannot be started', async () => {
  const vms = await waitFor(
    async () => {
      const all = await daemon.json<Vm[]>('vm', 'list');
      return all.every((vm) => vm.stateReason !== undefined || vm.state === 'running') && all;
    },
    { timeoutMs: 30_000 },
  );
  assert.ok(vms, JSON.stringify(await daemon.json<Vm[]>('vm', 'list'), null, 1));
  for (const name of names) {
    const vm: Vm | undefined = vms.find((one) => one.name === name);
    assert.ok(vm?.state === 'stopped' || vm?.state === 'unknown', `${name} is ${vm?.state}`);
    assert.match(vm.stateReason ?? '', /not installed/u);
    assert.equal(vm.actions['start']?.allowed, false);
    const error = await refused('vm', 'start', name);
    assert.equal(error.code, 'hypervisor.unusable');
  }
});

test('a guest that runs already can still be seen and stopped', async () => {
  assert.equal((await daemon.json<Vm>('vm', 'show', 'runs')).state, 'running');
  await daemon.json('vm', 'stop', 'runs');
  assert.equal((await daemon.json<Vm>('vm', 'show', 'runs')).state, 'stopped');
});

test('a VM that only its hypervisor could delete is refused, and stays', async () => {
  const error = await refused('vm', 'destroy', 'virtualbox-vm');
  assert.ok(error.message.length > 10 && error.hint.length > 5, JSON.stringify(error));
  assert.ok((await daemon.json<Vm[]>('vm', 'list')).some((vm) => vm.name === 'virtualbox-vm'));
});

test('when the hypervisors are back, so are the VMs', async () => {
  await daemon.kill();
  await daemon.restart({ env: {} });
  for (const name of names) {
    await daemon.json('vm', 'start', name);
    assert.equal((await daemon.json<Vm>('vm', 'show', name)).state, 'running');
    await daemon.json('vm', 'stop', name);
    await daemon.json('vm', 'destroy', name);
  }
});
