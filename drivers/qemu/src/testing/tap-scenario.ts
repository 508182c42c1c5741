// Run by resilience.real.test.ts in a network namespace of its own; an exit code other than 0 is a failure.
import assert from 'node:assert/strict';

import { defaultNic, fixedHardware } from '@nakhoda/driver';
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
const { vmid } = spec;
// As the daemon makes it: nobody but the VM's user may open it.
await exec(['ip', 'tuntap', 'add', 'dev', 'nk-t0', 'mode', 'tap', 'user', String(vmIdentity({ owner, vmid }).uid)]);
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

await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 10 });
await driver.undefine(ctx, { vmid });
await driver.close();
assert.deepEqual(await qemu.leftovers(), []);
