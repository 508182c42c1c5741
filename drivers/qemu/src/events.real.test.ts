import assert from 'node:assert/strict';
import { rename } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';

import type { DriverEvent } from '@nakhoda/driver';
import { isRequired, testContext } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';

import { machinePaths } from './machine-paths.ts';
import { makeRealQemu } from './testing/real-qemu.ts';

// What happens to a QEMU that this driver did not order: a second voice on its QMP connection, and the end of the process.
const ctx = testContext();

/**
 * Sits between a QMP socket and its client, and says something of its own: QEMU serves one client a socket, so there is
 * no other way to change a VM over QMP behind the driver's back while it listens.
 */
async function secondVoice(socketPath: string): Promise<{ say(command: string): void; close(): void }> {
  const behind = `${socketPath}.real`;
  await rename(socketPath, behind);
  let qemu: Socket | null = null;
  const server: Server = createServer((client) => {
    const upstream = createConnection(behind);
    qemu = upstream;
    client.pipe(upstream);
    upstream.pipe(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    // The driver gets the answer, too, under a number that it never gave out.
    say: (command) => void qemu?.write(`${JSON.stringify({ execute: command, id: 1_000_000 })}\n`),
    close: () => {
      server.close();
      qemu?.destroy();
    },
  };
}

test('what happens to QEMU behind our back is told within 1 s', { timeout: 60_000 }, async (t: TestContext) => {
  await using qemu = await makeRealQemu();
  const first = await qemu.makeDriver();
  if (!(await first.probe(ctx)).usable) {
    if (isRequired('qemu')) assert.fail('QEMU is required, but unusable');
    t.skip('QEMU is unusable here');
    return;
  }
  const spec = await qemu.spec({ cdrom: null });
  const { vmid } = spec;
  await first.define(ctx, { spec });
  await first.start(ctx, { vmid });
  await first.close();

  const voice = await secondVoice(machinePaths(spec).qmpSocket);
  const driver = await qemu.makeDriver();
  const events: DriverEvent[] = [];
  const listening = (async () => {
    for await (const event of driver.events(ctx.signal)) events.push(event);
  })();
  assert.equal((await driver.inspect(ctx, { vmid }))?.state, 'running');

  const delays: string[] = [];
  /** Fails unless a `state` event after the cause, within 1 s, is followed by this state. */
  const change = async (state: string, what: string, cause: () => void): Promise<void> => {
    events.length = 0;
    const since = performance.now();
    cause();
    const seen = await waitFor(
      async () =>
        events.some((event) => event.vmid === vmid && event.kind === 'state') && (await driver.inspect(ctx, { vmid }))?.state === state,
      { timeoutMs: 1000, pollMs: 5 },
    );
    assert.ok(seen, `no state event within 1 s of ${what}, or the VM is not ${state}`);
    delays.push(`${what}: ${Math.round(performance.now() - since)} ms`);
  };
  await change('paused', 'stop over QMP', () => voice.say('stop'));
  await change('running', 'cont over QMP', () => voice.say('cont'));
  await change('crashed', 'quit over QMP', () => voice.say('quit'));
  voice.close();
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await driver.start(ctx, { vmid });
  const { pid } = (await driver.inspect(ctx, { vmid })) ?? {};
  assert.ok(pid);
  await change('crashed', 'SIGKILL', () => void process.kill(pid, 'SIGKILL'));
  await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
  await driver.undefine(ctx, { vmid });
  await driver.close();
  await listening;
  t.diagnostic(delays.join('; '));
});
