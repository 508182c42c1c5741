import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { waitFor } from '@nakhoda/host';

import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';

/** What the guest says of itself, and what is done through its agent; the tiny guest has one. */
export async function guestFacts(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  if (!driver.guest) return;
  const { boot, exec } = bench.limits;

  await bench.promise(t, 'facts are those of the guest, and say who told them', boot + exec * 3, async () => {
    await bench.running();
    const hostname = await bench.output(['hostname']);
    const facts = await bench.guest.facts(ctx, { vmid });
    assert.equal(facts.via, 'agent');
    assert.equal(facts.hostname, hostname);
    assert.ok(facts.osInfo?.name, 'no operating system');
    const data = facts.fileSystems.find(({ mountpoint }) => mountpoint === '/data');
    assert.ok(
      data?.totalBytes && data.freeBytes !== null && data.freeBytes <= data.totalBytes,
      `no /data in ${JSON.stringify(facts.fileSystems)}`,
    );
    assert.deepEqual(
      facts.interfaces.map(({ mac }) => mac),
      bench.spec.nics.map(({ mac }) => mac),
    );
    assert.equal(facts.frozen, false);
  });

  await bench.promise(t, 'a command gets its standard input, any bytes of it', exec * 4, async () => {
    const input = Uint8Array.from({ length: 5000 }, (_, index) => (index * 11 + (index >> 7)) % 256);
    const out: Uint8Array[] = [];
    const { exitCode } = await bench.guest.exec(ctx, {
      vmid,
      argv: ['cat'],
      input,
      timeoutSeconds: exec,
      onStdout: (data) => void out.push(data),
      onStderr: () => {},
    });
    assert.equal(exitCode, 0);
    assert.ok(Buffer.concat(out).equals(input), 'other bytes came back');
  });

  await bench.promise(t, 'freeze makes writes wait until thaw, and both can be repeated', exec * 6, async () => {
    const frozen = await bench.guest.freeze(ctx, { vmid });
    assert.ok(frozen.fileSystems >= 1, 'nothing was frozen');
    try {
      assert.equal((await bench.guest.freeze(ctx, { vmid })).fileSystems, 0);
      assert.equal((await bench.guest.facts(ctx, { vmid })).frozen, true);
    } finally {
      assert.equal((await bench.guest.thaw(ctx, { vmid })).fileSystems, frozen.fileSystems);
    }
    assert.equal((await bench.guest.thaw(ctx, { vmid })).fileSystems, 0);
    assert.equal((await bench.guest.facts(ctx, { vmid })).frozen, false);
    await bench.shell('echo thawed >/data/thawed && rm /data/thawed');
  });

  await bench.promise(t, 'a password for a user that the guest has not is guest.refused', exec, async () => {
    await rejectsWith(
      'guest.refused',
      bench.guest.setPassword(ctx, { vmid, user: 'nobody-here', password: 'x', crypted: false }),
      'setPassword',
    );
  });

  await bench.promise(
    t,
    'a hung agent holds nothing up: the serial shell answers, and the agent is back when it goes on',
    exec * 10,
    async () => {
      // The fake guest's agent is no process that could be stopped.
      if (driver.id === 'fake') return;
      // Later, because it answers for the command that stops it.
      await bench.shell('(sleep 1; killall -STOP qemu-ga) >/dev/null 2>&1 &');
      const viaSerial = async (): Promise<boolean> => (await bench.guest.facts(ctx, { vmid })).via === 'serial';
      assert.ok(await waitFor(viaSerial, { timeoutMs: exec * 1000 }), 'the serial shell did not take over');
      const since = performance.now();
      await rejectsWith('guest.no-agent', bench.guest.freeze(ctx, { vmid }), 'freeze');
      assert.ok(performance.now() - since < 5_000, 'freeze waited long for a hung agent');
      assert.equal((await bench.status()).state, 'running');
      const facts = await bench.guest.facts(ctx, { vmid });
      assert.equal(facts.via, 'serial');
      assert.ok(facts.fileSystems.some(({ mountpoint, freeBytes }) => mountpoint === '/data' && freeBytes !== null));
      await bench.shell('killall -CONT qemu-ga');
      const viaAgent = async (): Promise<boolean> => (await bench.guest.facts(ctx, { vmid })).via === 'agent';
      assert.ok(await waitFor(viaAgent, { timeoutMs: (exec + 15) * 1000 }), 'the agent did not come back');
      assert.equal((await bench.guest.thaw(ctx, { vmid })).fileSystems, 0, 'a request that was given up was carried out late');
    },
  );
}
