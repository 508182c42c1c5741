import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { ExecResult } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { VBoxManage, vmLane } from './vboxmanage.ts';

const locked = "VBoxManage: error: The machine 'a' is already locked for a session (or being unlocked)\n";
const done: ExecResult = { exitCode: 0, stdout: 'done', stderr: '' };

/** VBoxManage whose calls answer with these results, one after the other. */
function scripted(answers: ExecResult[], options: { retryForMs?: number } = {}) {
  const calls: { argv: readonly string[]; timeoutMs: number | undefined; env: unknown }[] = [];
  const vbox = new VBoxManage({
    command: (args) => ['VBoxManage', ...args],
    env: { VBOX_USER_HOME: '/srv/data' },
    firstPauseMs: 1,
    ...options,
    run: async (argv, { timeoutMs, env }) => {
      calls.push({ argv, timeoutMs, env });
      return answers.shift() ?? done;
    },
  });
  return { vbox, calls };
}

const failsWith =
  (code: string, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof NakhodaError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    assert.notEqual(error.hint, '');
    return true;
  };

test('a call gets exactly its arguments, the environment and a time limit', async () => {
  const { vbox, calls } = scripted([]);
  assert.equal(await vbox.run(['list', 'vms'], { lanes: [] }), 'done');
  assert.equal(await vbox.run(['snapshot', 'u', 'take', 'a b'], { lanes: [vmLane(100)], timeoutMs: 600_000 }), 'done');
  const env = { VBOX_USER_HOME: '/srv/data' };
  assert.deepEqual(calls, [
    { argv: ['VBoxManage', 'list', 'vms'], timeoutMs: 30_000, env },
    { argv: ['VBoxManage', 'snapshot', 'u', 'take', 'a b'], timeoutMs: 600_000, env },
  ]);
});

test('a call that was ended after its work is done, unless its answer was lost', async () => {
  const cut: ExecResult = { exitCode: 0, stdout: '', stderr: '', cutOff: true };
  const order = scripted([cut]);
  assert.equal(await order.vbox.run(['registervm', 'f'], { lanes: [] }), '');
  assert.equal(order.calls.length, 1);
  const question = scripted([cut, cut]);
  assert.equal(await question.vbox.run(['list', 'vms'], { lanes: [], asks: true }), 'done');
  assert.equal(question.calls.length, 3);
  const refused = scripted([{ ...cut, stderr: 'VBoxManage: error: No such machine\n' }]);
  await assert.rejects(refused.vbox.run(['startvm', 'u'], { lanes: [] }), failsWith('hypervisor.failed', /No such machine/));
});

test('a VBoxManage that crashed, as when its service ends under it, is told in one line', async () => {
  const message = 'unshare was ended by SIGTRAP: oxXPCOMIPCC.so + 0x12aa5\n00007f6702fc5d91 VBoxC.so!VBoxDriversRegister+0x729f';
  const cause = new NakhodaError('exec.failed', { message, hint: 'Look.' });
  const vbox = new VBoxManage({ command: (args) => args, env: {}, run: () => Promise.reject(cause) });
  await assert.rejects(
    vbox.run(['snapshot', 'u', 'take', 'a'], { lanes: [] }),
    failsWith('hypervisor.failed', /^VBoxManage snapshot crashed \(SIGTRAP\); .* may have ended while it worked\.$/u),
  );
});

test('"not now" is answered by further tries', async () => {
  const { vbox, calls } = scripted([
    { exitCode: 1, stdout: '', stderr: locked },
    { exitCode: 0, stdout: '', stderr: locked },
  ]);
  assert.equal(await vbox.run(['modifyvm', 'u'], { lanes: [vmLane(100)] }), 'done');
  assert.equal(calls.length, 3);
});

test('"not now" for too long is an error with a hint', async () => {
  const { vbox } = scripted(
    Array.from({ length: 100 }, () => ({ exitCode: 1, stdout: '', stderr: locked })),
    { retryForMs: 20 },
  );
  await assert.rejects(vbox.run(['modifyvm', 'u'], { lanes: [vmLane(100)] }), failsWith('hypervisor.failed', /already locked/));
});

test("a refusal is an error at once, with VirtualBox's words and the result's name", async () => {
  const stderr = 'VBoxManage: error: No such machine\nVBoxManage: error: Details: code VBOX_E_OBJECT_NOT_FOUND (0x80bb0001), component X\n';
  const { vbox, calls } = scripted([{ exitCode: 1, stdout: '', stderr }]);
  const attempt = vbox.run(['startvm', 'u'], { lanes: [] });
  await assert.rejects(attempt, failsWith('hypervisor.failed', /^VirtualBox refused startvm: No such machine$/));
  await attempt.catch((error: NakhodaError) => assert.equal(error.details?.['result'], 'VBOX_E_OBJECT_NOT_FOUND'));
  assert.equal(calls.length, 1);
});

test('an abort ends the tries', async () => {
  const { vbox } = scripted(Array.from({ length: 100 }, () => ({ exitCode: 1, stdout: '', stderr: locked })));
  const controller = new AbortController();
  const attempt = vbox.run(['modifyvm', 'u'], { lanes: [], signal: controller.signal });
  controller.abort();
  await assert.rejects(attempt, { name: 'AbortError' });
});

test('a VBoxManage that hangs is killed after its time, and the queue goes on', async () => {
  const programs: readonly string[][] = [
    ['sleep', '300'],
    ['echo', 'next'],
  ];
  let call = 0;
  const vbox = new VBoxManage({ command: () => programs[call++] ?? [], env: {} });
  const since = performance.now();
  const hanging = vbox.run(['showvminfo', 'u'], { lanes: [vmLane(100)], timeoutMs: 200 });
  const next = vbox.run(['list', 'vms'], { lanes: [vmLane(100)] });
  await assert.rejects(hanging, failsWith('hypervisor.timeout', /VBoxManage showvminfo did not answer within 0\.2 s/));
  assert.equal(await next, 'next\n');
  assert.ok(performance.now() - since < 10_000);
});
