import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { rejection, rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { testContext } from './test-context.ts';

/** Arguments that a shell on the way would change. */
const awkwardArguments = [
  'with spaces  in it',
  'single \' and double " quotes',
  'two\nlines',
  '$HOME `id` $(id)',
  'selamat pagi, Nusantara: ꦤꦏꦺꦴꦝ 🚢',
  '-n',
  '--',
  '',
  'back\\slash \\n',
  '*;|&<>!~#{}[]',
  '\ttab',
];

/** Programs run in the guest, without a shell in between. */
export async function guestCommands(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  if (!driver.capabilities().guest?.exec) return;
  const { boot, exec } = bench.limits;

  await bench.promise(t, 'ready says which way answers', boot, async () => {
    await bench.running();
    assert.match(String(await bench.guest.ready(ctx, { vmid, timeoutSeconds: exec })), /^(agent|serial)$/u);
  });

  await bench.promise(t, 'standard output and error come apart, with the exit code', exec * 2, async () => {
    const result = await bench.run(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    assert.deepEqual(
      { ...result, stdout: result.stdout.toString(), stderr: result.stderr.toString() },
      { exitCode: 3, stdout: 'out\n', stderr: 'err\n' },
    );
  });

  await bench.promise(t, "the exit code is the program's own", exec * 6, async () => {
    assert.equal((await bench.run(['true'])).exitCode, 0);
    assert.equal((await bench.run(['false'])).exitCode, 1);
    for (const exitCode of [1, 127, 200]) assert.equal((await bench.run(['sh', '-c', `exit ${exitCode}`])).exitCode, exitCode);
  });

  await bench.promise(t, 'arguments arrive as they were given', exec * 2, async () => {
    const { exitCode, stdout } = await bench.run(['printf', '[%s]\n', ...awkwardArguments]);
    assert.equal(exitCode, 0);
    assert.equal(stdout.toString('utf8'), awkwardArguments.map((argument) => `[${argument}]\n`).join(''));
  });

  await bench.promise(t, 'output may be any bytes, and none', exec * 3, async () => {
    const { stdout } = await bench.run(['printf', '\\000\\001\\377\\r\\n\\033[0m\\200']);
    assert.deepEqual([...stdout], [0, 1, 255, 13, 10, 27, 91, 48, 109, 128]);
    assert.equal((await bench.run(['true'])).stdout.length, 0);
  });

  await bench.promise(t, 'some ten thousand bytes of output come whole', exec * 3, async () => {
    const { stdout } = await bench.run(['sh', '-c', 'printf "%010000d" 7; printf x']);
    assert.equal(stdout.toString('utf8'), `${'7'.padStart(10_000, '0')}x`);
  });

  await bench.promise(t, 'an unknown program is exit code 127 or guest.exec-failed', exec * 2, async () => {
    const attempt = bench.run(['/no/such/program', '--flag']);
    const outcome = await attempt.catch(() => null);
    if (outcome) assert.equal(outcome.exitCode, 127);
    else assert.equal((await rejection(attempt, 'exec')).code, 'guest.exec-failed');
  });

  await bench.promise(t, 'a command beyond its time is guest.timeout, and the next one runs', exec * 4, async () => {
    const since = performance.now();
    await rejectsWith('guest.timeout', bench.run(['sleep', '300'], { timeoutSeconds: 2 }), 'exec');
    assert.ok(performance.now() - since < exec * 1000, 'the time limit came late');
    assert.equal(await bench.output(['echo', 'still here']), 'still here');
  });

  await bench.promise(t, 'an abort ends the wait for a command, and the next one runs', exec * 4, async () => {
    const cancellable = testContext();
    const running = bench.guest.exec(cancellable, {
      vmid,
      argv: ['sleep', '300'],
      timeoutSeconds: 300,
      onStdout: () => {},
      onStderr: () => {},
    });
    const outcome = running.then(
      () => 'ended',
      () => 'rejected',
    );
    // Gives the command the time of another answer to get on its way.
    await bench.guest.ready(ctx, { vmid, timeoutSeconds: exec });
    cancellable.abort();
    assert.equal(await outcome, 'rejected');
    assert.equal(await bench.output(['echo', 'still here']), 'still here');
  });

  await bench.promise(t, 'commands at the same time do not mix', exec * 4, async () => {
    const words = ['satu', 'dua', 'tiga'];
    assert.deepEqual(await Promise.all(words.map((word) => bench.output(['echo', word]))), words);
  });

  await bench.promise(t, 'addresses are those of its NICs, without loopback', exec * 2, async () => {
    const macs = new Set(bench.spec.nics.map((nic) => nic.mac));
    for (const { mac, address } of await bench.guest.addresses(ctx, { vmid })) {
      assert.ok(macs.has(mac), `${mac} is none of the VM's`);
      assert.match(address, /^\d+\.\d+\.\d+\.\d+$/u);
      assert.doesNotMatch(address, /^127\./u);
    }
  });
}
