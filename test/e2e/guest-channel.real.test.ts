import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { sha512Crypt, waitFor } from '@nakhoda/host';
import type { FreezeState, GuestInfo, Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import type { ProgramOptions, ProgramResult } from '../support/run-program.ts';

/**
 * What a person asks of a guest, and what a guest is told by its cloud-init drive, through the command line, on a real
 * QEMU guest and a real VirtualBox guest. The tiny guest has no cloud-init: it reads what the drive says, and does not do it.
 */
let daemon: DaemonProcess;
let folder: string;
const hypervisors = ['qemu', 'virtualbox'] as const;
const bootLimitMs = 300_000;

const show = (vm: string): Promise<Vm> => daemon.json<Vm>('vm', 'show', vm);
const exec = (vm: string, ...argv: string[]): Promise<ProgramResult> => daemon.cli(['vm', 'exec', vm, '--', ...argv]);
const shell = async (vm: string, line: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await exec(vm, 'sh', '-c', line);
  assert.equal(exitCode, 0, `${line}: ${stderr}`);
  return stdout;
};
const done = async (args: string[], options: ProgramOptions = {}): Promise<string> => {
  const { exitCode, stdout, stderr } = await daemon.cli(args, options);
  assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
};
/** The agent, so that what needs it is tried. */
async function untilAgentAnswers(vm: string): Promise<GuestInfo> {
  const ask = async (): Promise<GuestInfo | null> => {
    const info = await daemon.json<GuestInfo>('vm', 'guest', vm);
    return info.via === 'agent' ? info : null;
  };
  return (await waitFor(ask, { timeoutMs: bootLimitMs, pollMs: 500 })) ?? assert.fail(`no agent in ${vm}: ${daemon.log()}`);
}
/** The drive is the one of the two that the tiny guest was not booted from. */
const mountDrive =
  'mkdir -p /tmp/ci; for d in /dev/sr*; do mount -t iso9660 -o ro $d /tmp/ci && [ -e /tmp/ci/meta-data ] && break; umount /tmp/ci; done; cd /tmp/ci';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nkg-'));
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test('make a guest of each hypervisor with a cloud-init drive', async () => {
  const wanted = ['--ci-user', 'budi', '--ci-ssh-keys', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGXc budi@laptop', '--ci-password', 'rahasia'];
  const refused = await daemon.cli(['vm', 'create', 'wrong', '--hypervisor', 'qemu', '--ci-network', 'net0=dhcp', '--json']);
  assert.match(refused.stderr, /vm\.spec-invalid.*net0/u, 'an address for a NIC that it has not');
  for (const vm of hypervisors) {
    await daemon.json('vm', 'create', vm, '--hypervisor', vm, '--memory', '128', '--disk', '1', '--cdrom', 'tiny', ...wanted, '--start');
    const { cloudInit } = await show(vm);
    assert.equal(cloudInit?.hasPassword, true);
    assert.equal(JSON.stringify(await show(vm)).includes('$6$'), false, 'the hash is shown');
  }
});

for (const vm of hypervisors) {
  test(`${vm}: the guest says what it is`, async () => {
    const info = await untilAgentAnswers(vm);
    assert.equal(info.osInfo?.id, 'nakhoda-tiny');
    assert.ok(info.fileSystems.some(({ mountpoint, freeBytes }) => mountpoint === '/data' && freeBytes !== null && freeBytes > 0));
    assert.match(await done(['vm', 'guest', vm]), /told by +the guest agent[\s\S]*\/data/u);
  });

  test(`${vm}: the guest reads what its cloud-init drive says`, async () => {
    const files = await shell(vm, `${mountDrive}; ls -ln; cat user-data meta-data; cd /; umount /tmp/ci`);
    assert.match(files, /-r--------.* 0 +0 .*user-data/u);
    assert.match(files, /^#cloud-config\nhostname: "(qemu|virtualbox)"\nmanage_etc_hosts: true\nuser:\n  name: "budi"$/mu);
    assert.match(files, /ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGXc budi@laptop/u);
    const [, hash = '', salt = ''] = /^password: "(\$6\$([^$]+)\$[^"]+)"$/mu.exec(files) ?? [];
    assert.equal(hash, sha512Crypt('rahasia', salt));
    assert.match(files, new RegExp(`^instance-id: "${(await show(vm)).uuid}-[0-9a-f]{8}"$`, 'mu'));
  });

  test(`${vm}: files go in and out, standard input too`, async () => {
    const content = Buffer.from(Uint8Array.from({ length: 9000 }, (_, index) => (index * 31) % 256));
    const [from, out] = [join(folder, `${vm}-from`), join(folder, `${vm}-out`)];
    await writeFile(from, content);
    await done(['vm', 'file', 'write', vm, '/data/a file', '--from', from, '--mode', '0600']);
    assert.equal(await shell(vm, "stat -c %a '/data/a file'"), '600\n');
    await done(['vm', 'file', 'read', vm, '/data/a file', '--out', out]);
    assert.ok(content.equals(await readFile(out)));
    assert.equal(await done(['vm', 'exec', vm, '--stdin', '--', 'sort'], { input: 'b\na\n' }), 'a\nb\n');
    await writeFile(from, Buffer.alloc(512 * 1024 + 1));
    const tooLarge = await daemon.cli(['vm', 'file', 'write', vm, '/data/b', '--from', from]);
    assert.equal(tooLarge.exitCode, 2);
    const missing = await daemon.cli(['vm', 'file', 'read', vm, '/no/such', '--out', join(folder, 'never'), '--json']);
    assert.match(missing.stderr, /guest\.file-failed/u);
    await assert.rejects(stat(join(folder, 'never')));
  });

  test(`${vm}: a password is set`, async () => {
    // The agent calls chpasswd, which busybox has not; this one does with busybox what the real one does.
    const chpasswd = join(folder, 'chpasswd');
    const lines = [
      '#!/bin/sh',
      'IFS=: read -r user word',
      'hash=$(mkpasswd -m sha512 "$word")',
      'sed -i "s|^$user:[^:]*|$user:$hash|" /etc/passwd',
      '',
    ];
    await writeFile(chpasswd, lines.join('\n'));
    await done(['vm', 'file', 'write', vm, '/bin/chpasswd', '--from', chpasswd, '--mode', '0755']);
    await done(['vm', 'password', vm, 'root'], { input: 'kata sandi\n' });
    const [, hash = '', salt = ''] = /^root:(\$6\$([^$]+)\$[^:]+):/mu.exec(await shell(vm, 'cat /etc/passwd')) ?? [];
    assert.equal(hash, sha512Crypt('kata sandi', salt));
  });

  test(`${vm}: a guest that was frozen is thawed by its limit, by an order, and by the daemon that follows a killed one`, async () => {
    const info = (): Promise<GuestInfo> => daemon.json<GuestInfo>('vm', 'guest', vm);
    const thawed = { timeoutMs: 60_000, pollMs: 200 };
    const frozen = await daemon.json<FreezeState>('vm', 'freeze', vm, '--seconds', '600');
    assert.ok(frozen.fileSystems >= 1 && frozen.thawBy !== null);
    assert.equal((await info()).frozen, true);
    assert.equal((await daemon.json<FreezeState>('vm', 'thaw', vm)).fileSystems, frozen.fileSystems);

    await daemon.json('vm', 'freeze', vm, '--seconds', '2');
    assert.ok(await waitFor(async () => (await info()).frozen === false, thawed), 'its limit');

    await daemon.json('vm', 'freeze', vm, '--seconds', '600');
    await daemon.kill();
    await daemon.restart();
    assert.ok(await waitFor(async () => (await info()).frozen === false, thawed), 'the next daemon');
    await shell(vm, 'echo x >/data/written && sync');
  });

  test(`${vm}: a change waits for the next start, and is another instance then`, async () => {
    const instance = async (): Promise<string> => shell(vm, `${mountDrive}; cat meta-data user-data; cd /; umount /tmp/ci`);
    const before = await instance();
    await daemon.json('vm', 'set', vm, '--ci-user', 'siti');
    assert.deepEqual(
      (await show(vm)).pending.map(({ field }) => field),
      ['cloudInit'],
    );
    assert.equal(await instance(), before, 'under the running guest nothing changes');
    await daemon.json('vm', 'stop', vm);
    await daemon.json('vm', 'start', vm);
    await untilAgentAnswers(vm);
    const after = await instance();
    assert.match(after, /^ {2}name: "siti"$/mu);
    assert.notEqual(/instance-id.*/u.exec(after)?.[0], /instance-id.*/u.exec(before)?.[0]);
    assert.deepEqual((await show(vm)).pending, []);
    await daemon.json('vm', 'stop', vm);
    await daemon.json('vm', 'set', vm, '--cloud-init', 'no');
    assert.equal((await show(vm)).cloudInit, null);
    await daemon.json('vm', 'destroy', vm);
    await assert.rejects(stat(join(daemon.data, 'images', String(vm === 'qemu' ? 100 : 101))));
  });
}
