import assert from 'node:assert/strict';
import { after, before, type TestContext, test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import type { Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { assertHostInOrder } from '../support/host-order.ts';
import { processesOf } from '../support/processes-of.ts';

/** Programs that the daemon relies on are killed behind its back: hypervisors, DHCP server, relay. No guest has to boot for that. */
let daemon: DaemonProcess;
const hypervisors = ['qemu', 'virtualbox'] as const;
const show = (name: string): Promise<Vm> => daemon.client.call('vm.show', { params: { vm: name } });

before(async () => {
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
  await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
  for (const hypervisor of hypervisors) {
    await daemon.json(
      'vm',
      'create',
      hypervisor,
      '--hypervisor',
      hypervisor,
      '--memory',
      '64',
      '--disk',
      '1',
      '--network',
      'lab',
      '--start',
    );
  }
});
after(async () => daemon?.[Symbol.asyncDispose]());

/** Kills a process, and gives the milliseconds until `ask` answers. */
async function untilNoticed(pid: number, what: string, ask: () => Promise<boolean>, limitMs: number): Promise<number> {
  process.kill(pid, 'SIGKILL');
  const killed = performance.now();
  assert.ok(await waitFor(ask, { timeoutMs: limitMs, pollMs: 20 }), `${what} within ${limitMs / 1000} s`);
  return Math.round(performance.now() - killed);
}

for (const hypervisor of hypervisors) {
  test(`${hypervisor}: a VM whose process is killed is listed as crashed, with the reason, within 2 s`, async (t: TestContext) => {
    const { pid } = await show(hypervisor);
    assert.ok(pid);
    let crashed: Vm | undefined;
    const isListed = async (): Promise<boolean> => {
      crashed = (await daemon.client.call('vm.list', {})).find((vm) => vm.name === hypervisor);
      return crashed?.state === 'crashed';
    };
    const ms = await untilNoticed(pid, 'it is listed as crashed', isListed, 2000);
    t.diagnostic(`after ${ms} ms: ${crashed?.stateReason}`);
    assert.match(crashed?.stateReason ?? '', new RegExp(`process ${pid} .*killed`, 'u'));
    await assertHostInOrder(daemon);

    await daemon.json('vm', 'start', hypervisor);
    assert.equal((await show(hypervisor)).state, 'running');
    await assertHostInOrder(daemon);
  });
}

test('a DHCP server and a relay that are killed are replaced in the next round of the reconciler', async (t: TestContext) => {
  const find = async (): Promise<{ dhcp: number | undefined; relay: number | undefined }> => {
    const processes = await processesOf(daemon.data);
    return {
      dhcp: processes.find(({ argv }) => argv[0] === 'dnsmasq')?.pid,
      relay: processes.find(({ argv }) => argv.some((part) => part.endsWith('udp-tap-relay.pl')))?.pid,
    };
  };
  const { dhcp, relay } = await find();
  assert.ok(dhcp && relay, 'both run');
  process.kill(relay, 'SIGKILL');
  const degraded = async (): Promise<boolean> => (await daemon.client.call('network.show', { params: { network: 'lab' } })).state !== 'up';
  const killed = performance.now();
  const seenMs = await untilNoticed(dhcp, 'the network is shown as degraded', degraded, 5000);
  const repaired = await waitFor(
    async () => {
      const now = await find();
      return now.dhcp !== undefined && now.dhcp !== dhcp && now.relay !== undefined && now.relay !== relay && !(await degraded());
    },
    // A round comes every 15 s.
    { timeoutMs: 25_000, pollMs: 100 },
  );
  assert.ok(repaired, 'both run again');
  t.diagnostic(`shown as degraded after ${seenMs} ms, repaired after ${Math.round(performance.now() - killed)} ms`);
  await assertHostInOrder(daemon);
});
