import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import type { ProbeRun } from './judge-kvm-probe.ts';
import { judgeProbeRun } from './judge-kvm-probe.ts';
import { buildProbeGuest, probeExitCode } from './probe-guest.ts';

const run = (changes: Partial<ProbeRun>): ProbeRun => ({ exitCode: null, timedOut: false, seconds: 0.1, output: '', ...changes });

test('only a whole report with its exit code is a proof', () => {
  assert.equal(judgeProbeRun(run({ exitCode: probeExitCode, output: 'long64okxsave_okspeed_ok' })).ok, true);
  assert.equal(judgeProbeRun(run({ exitCode: probeExitCode, output: 'long64okxsave_ok' })).ok, false);
  assert.equal(judgeProbeRun(run({ exitCode: 0, output: 'long64okxsave_okspeed_ok' })).ok, false);
});

test('each way to fail has its reason', async () => {
  const recorded = await readFile(new URL('./fixtures/kvm-pvm-qemu-7.2.txt', import.meta.url), 'latin1');
  const refused = await readFile(new URL('./fixtures/kvm-pvm-amd-qemu-7.2.txt', import.meta.url), 'latin1');
  const rows: [Partial<ProbeRun>, RegExp, boolean][] = [
    [{ output: recorded }, /came to 64-bit long mode and died there of a KVM internal error/, true],
    [{ output: recorded.replace('long64ok', '') }, /did not come to 64-bit long mode and died/, true],
    [{ timedOut: true, seconds: 2, output: 'long64okxsave_ok' }, /could not do in 2 s/, false],
    [{ timedOut: true, seconds: 2, output: 'long64ok' }, /came to 64-bit long mode and reported no more within 2 s/, false],
    [{ timedOut: true, seconds: 2 }, /did not come to 64-bit long mode and reported no more/, false],
    [{ exitCode: 1, output: 'qemu: ioctl(KVM_CREATE_VM) failed: 16 Device or resource busy\n' }, /Another hypervisor/, false],
    [{ exitCode: 1, output: 'first\nqemu: something else\n' }, /could not run a guest with KVM: first qemu: something else/, false],
    [{ output: refused }, /QEMU died of it before the probe guest ran: .*failed to set MSR 0x10a to 0x69 .*Assertion/, true],
    [{ exitCode: 3 }, /exit code 3/, false],
  ];
  for (const [changes, reason, lasting] of rows) {
    const verdict = judgeProbeRun(run(changes));
    assert.equal(verdict.ok, false);
    assert.match(verdict.reason, reason);
    assert.equal(verdict.lasting, lasting, verdict.reason);
    assert.notEqual(verdict.remedy ?? '', '', verdict.reason);
  }
});

test('the image is 64 KiB, begins at the reset vector, and its parts do not overlap', () => {
  const image = buildProbeGuest();
  assert.equal(image.length, 65_536);
  assert.deepEqual([...image.subarray(0xfff0, 0xfff4)], [0xe9, 0x0d, 0x00, 0x00], 'jmp 0x0000, modulo 64 KiB');
  for (const end of [0x0100, 0x0200, 0x0300, 0x0340]) assert.deepEqual([...image.subarray(end - 4, end)], [0, 0, 0, 0]);
  assert.ok(image.filter((byte) => byte !== 0).length < 300, 'a few hundred bytes');
});
