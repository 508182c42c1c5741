import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';

import type { Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { assertHostInOrder } from '../support/host-order.ts';
import { processesOf } from '../support/processes-of.ts';
import type { ProgramResult } from '../support/run-program.ts';

/** Programs and guests that do not answer: VirtualBox's service, to which every VBoxManage talks, and guests without a system. */
let daemon: DaemonProcess;
const hypervisors = ['qemu', 'virtualbox'] as const;
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
const state = async (name: string): Promise<string> => (await daemon.client.call('vm.show', { params: { vm: name } })).state;

before(async () => {
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
});
after(async () => daemon?.[Symbol.asyncDispose]());

interface Refusal {
  code: string;
  message: string;
  hint: string;
}
const refusal = (result: ProgramResult): Refusal => {
  assert.equal(result.exitCode, 1, result.stdout + result.stderr);
  return JSON.parse(result.stderr) as Refusal;
};

for (const hypervisor of hypervisors) {
  test(`${hypervisor}: a guest that ignores the power button goes on running, until its power is taken away`, async () => {
    const name = `${hypervisor}-vm`;
    await daemon.json(...create(name, hypervisor), '--start');
    const error = refusal(await daemon.cli(['vm', 'shutdown', name, '--timeout', '3', '--json']));
    assert.equal(error.code, 'vm.shutdown-timeout');
    assert.match(error.message, /within 3 s/u);
    assert.match(error.hint, /stop/u);
    assert.equal(await state(name), 'running');
    await daemon.json('vm', 'stop', name);
    assert.equal(await state(name), 'stopped');
  });
}

test('VirtualBox hangs: its orders end with an error in time, everything else goes on, and later so does VirtualBox', async (t: TestContext) => {
  await daemon.json('vm', 'start', 'virtualbox-vm');
  await daemon.json(...create('second', 'virtualbox'));
  const { pid } = await daemon.json<Vm>('vm', 'show', 'virtualbox-vm');
  const service = (await processesOf(daemon.data)).find(({ argv }) => argv[0]?.endsWith('/VBoxSVC'));
  assert.ok(service, 'VBoxSVC runs');

  process.kill(service.pid, 'SIGSTOP');
  try {
    const began = performance.now();
    let pending = 2;
    const orders = [daemon.cli([...create('third', 'virtualbox'), '--json']), daemon.cli(['vm', 'start', 'second', '--json'])].map(
      async (order) => {
        const result = await order;
        pending -= 1;
        return refusal(result);
      },
    );
    // Meanwhile: QEMU, and all that only looks.
    await daemon.json('vm', 'start', 'qemu-vm');
    await daemon.json('vm', 'stop', 'qemu-vm');
    assert.equal(await state('virtualbox-vm'), 'running');
    assert.equal(pending, 2, 'VirtualBox has not answered meanwhile');

    for (const error of await Promise.all(orders)) {
      assert.ok(['hypervisor.timeout', 'vm.start-failed'].includes(error.code), JSON.stringify(error));
      assert.match(error.message, /did not answer within 30 s/u);
      assert.match(error.hint, /VBoxSVC/u);
    }
    t.diagnostic(`both orders ended after ${Math.round(performance.now() - began)} ms`);
    assert.equal(await state('second'), 'stopped');

    // A daemon that is started now comes up all the same, and a VM's power can be taken away.
    await daemon.kill();
    await daemon.restart();
    assert.equal((await daemon.json<Vm>('vm', 'show', 'virtualbox-vm')).pid, pid);
    await daemon.json('vm', 'stop', 'virtualbox-vm');
    assert.equal(await state('virtualbox-vm'), 'stopped');
  } finally {
    process.kill(service.pid, 'SIGCONT');
  }

  for (const name of ['virtualbox-vm', 'second']) await daemon.json('vm', 'start', name);
  await daemon.json(...create('third', 'virtualbox'));
  assert.deepEqual((await daemon.json<Vm[]>('vm', 'list')).map((vm) => `${vm.name} ${vm.state}`).sort(), [
    'qemu-vm stopped',
    'second running',
    'third stopped',
    'virtualbox-vm running',
  ]);
  await assertHostInOrder(daemon);
});
