import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';

import { testContext } from '@nakhoda/driver/contract';
import { createGuestAgent, createSerialShell, type GuestChannel, SerialHub, waitFor } from '@nakhoda/host';

import { makeRealQemu } from './testing/real-qemu.ts';

const ctx = testContext();

/** Both ways into the guest, each on its own: the driver's contract sees only the one that is picked. */
test('the guest agent and the serial shell in the tiny guest', { timeout: 180_000 }, async (t) => {
  await using cleanup = new AsyncDisposableStack();
  const qemu = cleanup.use(await makeRealQemu());
  const driver = await qemu.makeDriver();
  const spec = await qemu.spec();
  const { vmid } = spec;
  await driver.define(ctx, { spec });
  await driver.start(ctx, { vmid });
  // QEMU serves one client a socket, so the driver lets go of them.
  await driver.close();

  const hub = new SerialHub({ socketPath: join(spec.runtimeDirectory, 'serial.sock'), logPath: null, isAlive: () => true });
  cleanup.defer(() => hub.close());
  const agent = createGuestAgent({ socketPath: join(spec.runtimeDirectory, 'agent.sock'), channel: 'virtio' });
  cleanup.defer(() => agent.close());
  const channels: [string, GuestChannel][] = [
    ['serial shell', createSerialShell(hub)],
    ['guest agent', agent],
  ];
  for (const [name, channel] of channels) await t.test(name, () => checkChannel(channel));

  await t.test('the console keeps its echo, whatever was run on it', async () => {
    const { session } = hub.open();
    let seen = '';
    session.onData((data) => (seen += Buffer.from(data).toString('latin1')));
    session.write(Buffer.from("stty -a | grep -o ' .\\?echo '; echo do''ne\n"));
    assert.ok(await waitFor(() => seen.includes('done'), { timeoutMs: 10_000 }));
    assert.match(seen, / echo \r/);
    session.close();
  });

  await t.test('freezing and thawing its file systems', async () => {
    assert.equal(await agent.freeze({}), 1);
    assert.equal(await agent.thaw({}), 1);
  });

  const next = await qemu.makeDriver();
  agent.close();
  hub.close();
  await next.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await next.undefine(ctx, { vmid });
  await next.close();
  assert.deepEqual(await qemu.leftovers(), []);
});

async function checkChannel(channel: GuestChannel): Promise<void> {
  assert.ok(await waitFor(() => channel.probe({ timeoutMs: 2_000 }), { timeoutMs: 60_000 }), 'it does not answer');

  const run = async (argv: readonly string[], timeoutMs = 20_000, signal?: AbortSignal) => {
    const pieces: { at: number; data: Buffer }[] = [];
    const errors: Uint8Array[] = [];
    const onStdout = (data: Uint8Array): void => void pieces.push({ at: performance.now(), data: Buffer.from(data) });
    const { exitCode } = await channel.exec({
      argv,
      timeoutMs,
      onStdout,
      onStderr: (data) => errors.push(data),
      ...(signal ? { signal } : {}),
    });
    return { exitCode, stdout: Buffer.concat(pieces.map(({ data }) => data)), stderr: Buffer.concat(errors).toString(), pieces };
  };

  const noise = await run(['dd', 'if=/dev/urandom', 'of=/root/noise', 'bs=1000', 'count=100']);
  assert.match(noise.stderr, /100\+0 records out/);
  const { stdout } = await run(['cat', '/root/noise']);
  assert.equal(stdout.length, 100_000);
  assert.equal((await run(['sha256sum', '/root/noise'])).stdout.toString().split(' ')[0], await sha256(stdout));

  const streamed = await run(['sh', '-c', 'echo first; sleep 2; echo second']);
  assert.equal(streamed.stdout.toString(), 'first\nsecond\n');
  assert.ok((streamed.pieces.at(-1)?.at ?? 0) - (streamed.pieces[0]?.at ?? 0) > 300, 'the output came at the end only');
  assert.equal((await run(['sh', '-c', 'kill -9 $$'])).exitCode, 137);
  assert.equal((await run(['cat'])).stdout.length, 0, 'standard input is not empty');
  await assert.rejects(run(['no-such-program']), { code: 'guest.exec-failed', message: /no-such-program/ });

  // All that the command started ends with it, and nothing of it stays in /tmp.
  await assert.rejects(run(['sh', '-c', 'sleep 4321 & sleep 4321'], 1_500), { code: 'guest.timeout' });
  await assert.rejects(run(['sleep', '4321'], 20_000, AbortSignal.timeout(700)), { name: 'TimeoutError' });
  const left = await run(['sh', '-c', 'ps | grep "sleep 432[1]"; ls -d /tmp/nakhoda-* | wc -l']);
  assert.match(left.stdout.toString(), /^[12]\n$/, 'more than the files of this command itself');

  const data = randomBytes(50_000);
  await channel.writeFile({ path: "/root/a 'b", data });
  assert.ok(data.equals(await channel.readFile({ path: "/root/a 'b", maxBytes: data.length })));
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', data)).toString('hex');
}
