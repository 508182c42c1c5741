import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';

import { judgeProbeRun } from './judge-kvm-probe.ts';
import { probeKvm, runProbeGuest } from './kvm-probe.ts';
import { probeWords } from './probe-guest.ts';

const leftovers = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('nakhoda-probe-'));

test('the probe guest is right: TCG runs it to its end', async (t) => {
  const run = await runProbeGuest('tcg', { timeoutMs: 20_000 });
  t.diagnostic(`TCG: ${run.seconds} s`);
  assert.equal(run.output, probeWords.join(''));
  assert.equal(judgeProbeRun(run).ok, true);
});

test('KVM is proven or disproven within 2 s, with the evidence, and asked only once where the answer lasts', async (t) => {
  const probe = await probeKvm();
  t.diagnostic(`KVM: ${probe.ok} in ${probe.seconds} s: ${probe.reason}`);
  assert.ok(probe.seconds < 3);
  if (probe.ok) assert.equal(probe.rawOutput, probeWords.join(''));
  else assert.match(probe.reason, /no \/dev\/kvm|may not open|Another hypervisor|KVM opens, but (its probe guest|QEMU died of it)/);
  const again = await probeKvm();
  assert.equal(again.ok, probe.ok);
});

test('a guest that runs on is killed in time, an aborted one at once; no file stays', async () => {
  const before = leftovers();
  const run = await runProbeGuest('tcg', { timeoutMs: 1 });
  assert.equal(run.timedOut, true);
  assert.equal(run.exitCode, null);
  await assert.rejects(runProbeGuest('tcg', { signal: AbortSignal.abort(new Error('cancelled')) }), /cancelled/);
  await assert.rejects(probeKvm({ program: 'qemu-of-nobody' }), { code: 'exec.not-found' });
  assert.deepEqual(leftovers(), before);
});
