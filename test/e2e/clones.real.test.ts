import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import type { Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';

/** A teacher's afternoon: a template on each hypervisor, machines linked to it, and what must not be deleted under them. */
let daemon: DaemonProcess;
const bootLimitMs = 300_000;
const hypervisors = ['qemu', 'virtualbox'] as const;

before(async () => {
  daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
});
after(async () => daemon?.[Symbol.asyncDispose]());

const show = (vm: string): Promise<Vm> => daemon.json<Vm>('vm', 'show', vm);

async function output(vm: string, ...argv: string[]): Promise<string> {
  const answered = await waitFor(async () => (await daemon.cli(['vm', 'exec', vm, '--', 'true'])).exitCode === 0, {
    ...{ timeoutMs: bootLimitMs, pollMs: 500 },
  });
  assert.ok(answered, `the guest of ${vm} answers`);
  const { exitCode, stdout, stderr } = await daemon.cli(['vm', 'exec', vm, '--', ...argv]);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
}

/** Fails unless the command is refused with this code, a reason and something to do. */
async function refused(code: string, ...args: string[]): Promise<string> {
  const { exitCode, stderr } = await daemon.cli([...args, '--json']);
  assert.notEqual(exitCode, 0, args.join(' '));
  const error = JSON.parse(stderr) as { code: string; message: string; hint: string };
  assert.equal(error.code, code, stderr);
  assert.ok(error.message && error.hint);
  return error.message;
}

for (const hypervisor of hypervisors) {
  const [golden, student, whole] = [`${hypervisor}-golden`, `${hypervisor}-student`, `${hypervisor}-whole`];

  test(`${hypervisor}: a machine is prepared and becomes a template`, async () => {
    await daemon.json(
      ...['vm', 'create', golden, '--hypervisor', hypervisor, '--memory', '128', '--disk', '1', '--cdrom', 'tiny'],
      ...['--network', 'lab', '--start'],
    );
    await output(golden, 'sh', '-c', 'echo lesson 1 > /data/lesson; sync');
    await refused('vm.wrong-state', 'vm', 'set', golden, '--template', 'yes');
    await daemon.json('vm', 'shutdown', golden);
    await daemon.json('vm', 'set', golden, '--template', 'yes');
    await refused('vm.is-template', 'vm', 'start', golden);
    await refused('vm.is-template', 'disk', 'resize', golden, 'disk0', '--size', '2');
  });

  test(`${hypervisor}: a linked clone is another machine with the same disk; its template is kept for it`, async (t) => {
    const begun = performance.now();
    await daemon.json('vm', 'clone', golden, student, '--start');
    t.diagnostic(`${hypervisor}: a linked clone, started: ${Math.round(performance.now() - begun)} ms with the command`);
    const [source, clone] = [await show(golden), await show(student)];
    assert.deepEqual(clone.linkedTo, { vmid: source.vmid, snapshot: null });
    assert.notEqual(clone.uuid, source.uuid);
    assert.notEqual(clone.nics[0]?.mac, source.nics[0]?.mac);
    assert.equal(await output(student, 'cat', '/data/lesson'), 'lesson 1');
    await output(student, 'sh', '-c', 'echo homework > /data/lesson; sync');
    assert.match(await refused('vm.has-clones', 'vm', 'destroy', golden), new RegExp(student));
    await refused('vm.has-clones', 'vm', 'set', golden, '--template', 'no');
  });

  test(`${hypervisor}: a running linked clone is cloned whole, and the whole one needs nobody`, async () => {
    await daemon.json('vm', 'freeze', student, '--seconds', '60');
    await daemon.json('vm', 'clone', student, whole);
    await daemon.json('vm', 'thaw', student);
    assert.equal((await show(whole)).linkedTo, null);
    assert.equal((await show(student)).state, 'running');
    await daemon.json('vm', 'stop', student);
    await daemon.json('vm', 'destroy', student);
    await daemon.json('vm', 'destroy', golden);
    await daemon.json('vm', 'start', whole);
    assert.equal(await output(whole, 'cat', '/data/lesson'), 'homework');
    await daemon.json('vm', 'stop', whole);
  });

  test(`${hypervisor}: a snapshot with a linked clone stays; the clone's own snapshots come and go`, async () => {
    const branch = `${hypervisor}-branch`;
    for (const name of ['s1', 's2', 's3']) await daemon.json('snapshot', 'take', whole, name);
    await daemon.json('vm', 'clone', whole, branch, '--snapshot', 's2', '--linked', 'yes');
    for (const name of ['s1', 's2']) await refused('vm.has-clones', 'snapshot', 'delete', whole, name);
    await daemon.json('snapshot', 'delete', whole, 's3');
    await daemon.json('snapshot', 'take', branch, 'own');
    await daemon.json('snapshot', 'rollback', branch, 'own');
    await daemon.json('snapshot', 'delete', branch, 'own');
    // Another daemon finds all of it as it was.
    await daemon.kill();
    await daemon.restart();
    assert.equal((await show(branch)).state, 'stopped');
    assert.equal((await show(branch)).changedOutside, undefined);
    await daemon.json('vm', 'destroy', branch);
    for (const name of ['s2', 's1']) await daemon.json('snapshot', 'delete', whole, name);
    assert.equal((await show(whole)).changedOutside, undefined);
    await daemon.json('vm', 'destroy', whole);
  });
}

test('a daemon that dies while it clones leaves the clone whole or not at all, and the source as it was', async () => {
  for (const hypervisor of hypervisors) {
    const [source, clone] = [`old-${hypervisor}`, `new-${hypervisor}`];
    await daemon.json('vm', 'create', source, '--hypervisor', hypervisor, '--memory', '128', '--disk', '2');
    const { id } = await daemon.client.call('vm.clone', { params: { vm: source }, body: { name: clone } });
    await daemon.kill();
    await daemon.restart();
    const ended = await daemon.client.followTask(id, () => undefined, AbortSignal.timeout(60_000));
    const names = (await daemon.json<Vm[]>('vm', 'list')).map(({ name }) => name);
    assert.deepEqual(names, ended.state === 'succeeded' ? [source, clone] : [source], JSON.stringify(ended));
    if (ended.state === 'succeeded') await daemon.json('vm', 'destroy', clone);
    else assert.ok(['failed', 'cancelled'].includes(ended.state), JSON.stringify(ended));
    assert.equal((await show(source)).state, 'stopped');
    await daemon.json('vm', 'clone', source, clone);
    for (const name of [clone, source]) await daemon.json('vm', 'destroy', name);
  }
});
