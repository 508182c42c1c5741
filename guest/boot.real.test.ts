import assert from 'node:assert/strict';
import { access, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { findTinyIso } from '@nakhoda/host';

import { startTinyMachine } from './tiny-machine.ts';
import type { AgentPort, TinyMachine } from './tiny-machine.ts';

const bootLimit = 120_000;
const shutdownLimit = 20_000;

await test('the tiny guest boots, answers, persists and shuts down', async (t) => {
  const iso = await tinyIso();
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda tiny, '));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const disk = join(folder, 'disk.raw');
  await writeFile(disk, '');
  await truncate(disk, 256 * 1024 * 1024);

  {
    await using guest = await startTinyMachine({ iso, disk, folder });
    const { before } = await guest.console.take(/nakhoda-guest ready\r\n/, bootLimit);
    assert.match(before, /formatted \/dev\/vda\r\n/);
    await guest.console.take(/tiny# /, bootLimit);

    await t.test('the shell answers', () => checkShell(guest));
    await t.test('a blank disk is formatted and mounted', () => checkDisk(guest));
    await t.test('the agent answers on virtio-serial', () => checkAgent(guest, 'virtio'));
    await t.test('the agent answers on the second serial port', () => checkAgent(guest, 'serial'));
    await t.test('the agent freezes and thaws /data', () => checkFreeze(guest));
    await t.test('DHCP gives an address', () => checkAddress(guest));
    await t.test('the web server serves /data/www', () => checkWeb(guest));
    await t.test('the load generator prints its line', () => checkLoad(guest));
    await t.test('/data/ignore-acpi makes it ignore the power button', async () => {
      await guest.run('echo kept >"/data/a file"; touch /data/ignore-acpi');
      await guest.pressPowerButton();
      await guest.console.take(/power button ignored\r\n/, shutdownLimit);
      assert.equal((await guest.run('rm /data/ignore-acpi')).code, 0);
    });
    await t.test('the power button switches it off', async () => {
      await guest.pressPowerButton();
      await guest.ended(shutdownLimit);
    });
  }

  await t.test('files persist over a reboot, and the agent can shut down', async () => {
    await using guest = await startTinyMachine({ iso, disk, folder });
    const { before } = await guest.console.take(/nakhoda-guest ready\r\n/, bootLimit);
    assert.doesNotMatch(before, /formatted/);
    await guest.console.take(/tiny# /, bootLimit);
    assert.deepEqual(await guest.run('cat "/data/a file"'), { output: 'kept\n', code: 0 });
    // Unmounted cleanly: the kernel had no journal to replay.
    assert.equal((await guest.run('dmesg | grep recovery')).code, 1);
    // guest-shutdown has no reply when it succeeds.
    const answer = guest.agent('virtio', 'guest-shutdown').catch(() => null);
    await guest.ended(shutdownLimit);
    await answer;
  });

  await t.test('a disk that holds anything else is left alone', async () => {
    const mark = Buffer.from('_BHRfS_M');
    const foreign = join(folder, 'foreign.raw');
    // btrfs's magic, the common signature that lies farthest from the start.
    await writeFile(foreign, Buffer.concat([Buffer.alloc(65_536 + 64), mark]));
    await truncate(foreign, 64 * 1024 * 1024);
    await using guest = await startTinyMachine({ iso, disk: foreign, folder });
    const { before } = await guest.console.take(/nakhoda-guest ready\r\n/, bootLimit);
    assert.match(before, /\/dev\/vda is not blank .*left alone/);
    await guest.console.take(/tiny# /, bootLimit);
    assert.match((await guest.run('mount | grep " /data "')).output, /^data on \/data type tmpfs/);
    const found = await guest.run('dd if=/dev/vda bs=8 skip=8200 count=1 2>/dev/null');
    assert.equal(found.output, mark.toString());
  });
});

/** The ISO to try: the one that is named, or else the one that `nakhoda setup guest` made. */
async function tinyIso(): Promise<string> {
  const iso = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
  assert.ok(iso, 'There is no tiny guest: run `./nakhoda setup guest`, or name the ISO that guest/build made in NAKHODA_TINY_ISO.');
  await assert.doesNotReject(access(iso), `NAKHODA_TINY_ISO names ${iso}, which is not there`);
  return iso;
}

async function checkShell(guest: TinyMachine): Promise<void> {
  assert.deepEqual(await guest.run('echo "hello $((6 * 7))"'), { output: 'hello 42\n', code: 0 });
  assert.equal((await guest.run('false')).code, 1);
}

async function checkDisk(guest: TinyMachine): Promise<void> {
  const { output } = await guest.run('mount | grep " /data "');
  assert.match(output, /^\/dev\/vda on \/data type ext4 \(rw/);
}

async function checkAgent(guest: TinyMachine, port: AgentPort): Promise<void> {
  assert.deepEqual(await guest.agent(port, 'guest-ping'), {});
  const args = { 'path': 'head', 'arg': ['-n', '1', '/etc/os-release'], 'capture-output': true };
  const started = await guest.agent(port, 'guest-exec', args);
  assert.ok(started !== null && typeof started === 'object' && 'pid' in started);
  const status = await execStatus(guest, port, started.pid);
  const output = Buffer.from(String(status['out-data']), 'base64').toString();
  assert.deepEqual({ output, code: status['exitcode'] }, { output: 'NAME="Nakhoda tiny guest"\n', code: 0 });
}

/** Asks until the process has exited; each round trip waits for the guest. */
async function execStatus(guest: TinyMachine, port: AgentPort, pid: unknown): Promise<Record<string, unknown>> {
  for (let asked = 0; asked < 1000; asked += 1) {
    const status = await guest.agent(port, 'guest-exec-status', { pid });
    assert.ok(status !== null && typeof status === 'object' && 'exited' in status);
    if (status.exited === true) return { ...status };
  }
  return assert.fail(`process ${String(pid)} did not exit`);
}

async function checkFreeze(guest: TinyMachine): Promise<void> {
  assert.equal(await guest.agent('virtio', 'guest-fsfreeze-freeze'), 1);
  assert.equal(await guest.agent('virtio', 'guest-fsfreeze-status'), 'frozen');
  assert.equal(await guest.agent('virtio', 'guest-fsfreeze-thaw'), 1);
}

async function checkAddress(guest: TinyMachine): Promise<void> {
  const wait = 'until ip addr show eth0 | grep -q "inet "; do usleep 50000; done';
  assert.equal((await guest.run(wait)).code, 0);
  const interfaces = JSON.stringify(await guest.agent('virtio', 'guest-network-get-interfaces'));
  // The first address that QEMU's user network leases.
  assert.match(interfaces, /"ip-address": ?"10\.0\.2\.15"/);
}

async function checkWeb(guest: TinyMachine): Promise<void> {
  await guest.run('echo page >/data/www/x');
  assert.deepEqual(await guest.run('wget -q -O - http://127.0.0.1/x'), { output: 'page\n', code: 0 });
}

async function checkLoad(guest: TinyMachine): Promise<void> {
  const { output, code } = await guest.run('nakhoda-load 1');
  assert.equal(code, 0);
  const line: unknown = JSON.parse(output);
  assert.ok(line !== null && typeof line === 'object');
  assert.deepEqual(Object.keys(line), ['work', 'seconds', 'perSecond']);
  const [work = 0, seconds = 0, rate = 0] = Object.values(line).map(Number);
  assert.ok(work > 0 && seconds >= 1 && seconds < 10, output);
  assert.ok(Math.abs(rate - work / seconds) <= 0.01 * rate + 0.01, output);
}
