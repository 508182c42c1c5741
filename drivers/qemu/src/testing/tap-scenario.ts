// Run by resilience.real.test.ts in a network namespace of its own; an exit code other than 0 is a failure.
import assert from 'node:assert/strict';

import { defaultNic, fixedHardware, type MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { exec, vmIdentity, waitFor } from '@nakhoda/host';

import { makeRealQemu } from './real-qemu.ts';

const ctx = testContext();
await using qemu = await makeRealQemu();
const owner = 'test0001';
const driver = await qemu.makeDriver({ owner });
assert.ok(driver.guest);
const spec = await qemu.spec({
  nics: [
    { slot: 'net0', mac: '52:54:00:00:00:01', attachment: { kind: 'tap', tap: 'nk-t0' }, ...defaultNic(fixedHardware) },
    { slot: 'net1', mac: '52:54:00:00:00:02', attachment: { kind: 'none' }, ...defaultNic(fixedHardware) },
  ],
});
const { vmid, nics } = spec;
const user = String(vmIdentity({ owner, vmid }).uid);
// As the daemon makes it: nobody but the VM's user may open it.
await exec(['ip', 'tuntap', 'add', 'dev', 'nk-t0', 'mode', 'tap', 'user', user]);
await exec(['ip', 'addr', 'add', '10.9.9.1/24', 'dev', 'nk-t0']);
await exec(['ip', 'link', 'set', 'nk-t0', 'up']);

await driver.define(ctx, { spec });
await driver.start(ctx, { vmid });
assert.ok(await driver.guest.ready(ctx, { vmid, timeoutSeconds: 60 }));

let output = '';
const line = 'cat /sys/class/net/eth0/carrier /sys/class/net/eth1/carrier; ip addr add 10.9.9.2/24 dev eth0';
const onStdout = (data: Uint8Array): void => void (output += Buffer.from(data).toString());
await driver.guest.exec(ctx, { vmid, argv: ['sh', '-c', line], timeoutSeconds: 20, onStdout, onStderr: () => undefined });
assert.equal(output, '1\n0\n');
assert.deepEqual(await driver.guest.addresses(ctx, { vmid }), [{ mac: '52:54:00:00:00:01', address: '10.9.9.2' }]);
// busybox's, which the tiny guest's build brings: a bare Debian has no ping of its own.
const ping = async (): Promise<boolean> =>
  (await exec(['busybox', 'ping', '-c', '1', '-W', '2', '10.9.9.2'], { okExitCodes: [0, 1] })).exitCode === 0;
assert.ok(await waitFor(ping, { timeoutMs: 20_000 }), 'the guest does not answer over its TAP');

// The link goes and comes; a NIC on a second TAP is plugged in and answers there.
assert.ok(driver.hotplug);
const carrier = async (nic: string, expected: string): Promise<void> => {
  const read = async (): Promise<boolean> => {
    output = '';
    await driver.guest?.exec(ctx, {
      vmid,
      argv: ['cat', `/sys/class/net/${nic}/carrier`],
      timeoutSeconds: 20,
      onStdout,
      onStderr: () => undefined,
    });
    return output === `${expected}\n`;
  };
  assert.ok(await waitFor(read, { timeoutMs: 20_000 }), `the carrier of ${nic} is not ${expected}`);
};
const change = async (wanted: MachineSpec['nics']): Promise<void> => {
  assert.deepEqual(await driver.hotplug?.change(ctx, { spec: { ...spec, nics: wanted } }), { pending: [] });
};
await change(nics.map((nic) => ({ ...nic, linkUp: false })));
await carrier('eth0', '0');
assert.ok(!(await ping()), 'the guest answers without a link');
await change(nics);
await carrier('eth0', '1');
assert.ok(await waitFor(ping, { timeoutMs: 20_000 }), 'the guest does not answer after its link came back');
await exec(['ip', 'tuntap', 'add', 'dev', 'nk-t2', 'mode', 'tap', 'user', user]);
await exec(['ip', 'addr', 'add', '10.9.8.1/24', 'dev', 'nk-t2']);
await exec(['ip', 'link', 'set', 'nk-t2', 'up']);
await change([
  ...nics,
  { slot: 'net2', mac: '52:54:00:00:00:03', attachment: { kind: 'tap', tap: 'nk-t2' }, ...defaultNic(fixedHardware) },
]);
await carrier('eth2', '1');
const address = ['ip', 'addr', 'add', '10.9.8.2/24', 'dev', 'eth2'];
await driver.guest.exec(ctx, { vmid, argv: address, timeoutSeconds: 20, onStdout, onStderr: () => undefined });
const pingNew = async (): Promise<boolean> =>
  (await exec(['busybox', 'ping', '-c', '1', '-W', '2', '10.9.8.2'], { okExitCodes: [0, 1] })).exitCode === 0;
assert.ok(await waitFor(pingNew, { timeoutMs: 20_000 }), 'the guest does not answer over the NIC that was plugged in');

await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
await driver.undefine(ctx, { vmid });
await driver.close();
assert.deepEqual(await qemu.leftovers(), []);
