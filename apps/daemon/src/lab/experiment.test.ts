import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { HypervisorId } from '@nakhoda/schema';

import { type LabWorld, runExperiment } from './experiment.ts';
import type { GuestAnswer, LabGuest } from './lab-guest.ts';
import type { RawCheck } from './raw-check.ts';
import { buildReport, type LabResult } from './report.ts';
import { renderReport } from './report-html.ts';

const hash = 'a'.repeat(64);

/** A guest of paper: answers as the tiny guest does. The real ones are in test/e2e/lab.real.test.ts. */
function paperGuest(hypervisor: HypervisorId, vmid: number, answers: Partial<Record<string, Partial<GuestAnswer>>>): LabGuest {
  const usual: Record<string, string> = {
    'uname': 'Linux tiny',
    'ip': `inet 10.77.0.${vmid}/24`,
    'ping': '4 packets transmitted, 4 packets received, 0% packet loss\nround-trip min/avg/max = 1.0/2.0/3.0 ms\n',
    'sha256sum': `${hash}  file\n`,
    'stat': '2097152\n',
    'nakhoda-load': '{"work":100,"seconds":10,"perSecond":10}\n',
  };
  const run = async (argv: readonly string[]): Promise<GuestAnswer> => {
    const [program = ''] = argv;
    let stdout = usual[program] ?? '';
    if (program === 'cat')
      stdout = argv[1] === '/proc/uptime' ? '10.00 20.00' : argv[1] === '/run/nakhoda-marker' ? 'before\n' : 'boot-id\n';
    if (program === 'sh') stdout = '12.00 20.00';
    const exitCode = program === 'ls' && argv[1] === '-d' ? 1 : 0;
    return { argv, exitCode, stdout, stderr: '', ...answers[program] };
  };
  return { hypervisor, vmid, name: `lab-${hypervisor}`, run, ask: async (argv) => (await run(argv)).stdout };
}

interface Faults {
  silent?: HypervisorId;
  answers?: Partial<Record<string, Partial<GuestAnswer>>>;
  leftovers?: string[];
}

function paperWorld(faults: Faults = {}): LabWorld {
  const host = { seconds: 10, cpuPercent: 50, cpuSeconds: 10, memoryUsedBytes: 2 ** 30, memoryTotalBytes: 2 ** 34, load: [0.3, 0.6, 0.3] };
  const vmids = { qemu: 100, virtualbox: 101, fake: 102 };
  return {
    createGuest: async (id) => ({ vmid: vmids[id], name: `lab-${id}`, startSeconds: 1 }),
    async guestReady(id, vmid) {
      if (faults.silent === id) throw new Error('Nothing answered.');
      return { guest: paperGuest(id, vmid, faults.answers ?? {}), channel: 'agent' };
    },
    address: async (vmid) => `10.77.0.${vmid}`,
    takeSnapshot: async () => ({ seconds: 1, memory: true }),
    rollback: async () => ({ seconds: 1 }),
    sampleWhile: async (ids, work) => ({
      value: await work(),
      sample: { host: host as never, processes: Object.fromEntries(ids.map((id) => [id, null])) },
    }),
    cleanUp: async () => ({ leftovers: faults.leftovers ?? [] }),
  };
}

async function experiment(options: {
  hypervisors?: HypervisorId[];
  unusable?: Map<HypervisorId, string>;
  faults?: Faults;
  signal?: AbortSignal;
}): Promise<RawCheck[]> {
  const checks: RawCheck[] = [];
  await runExperiment({
    hypervisors: options.hypervisors ?? ['qemu', 'virtualbox'],
    unusable: options.unusable ?? new Map(),
    world: paperWorld(options.faults),
    ctx: { signal: options.signal ?? new AbortController().signal, log: () => undefined, progress: () => undefined },
    record: (check) => checks.push(check),
  });
  return checks;
}

const status = (checks: RawCheck[]): Record<string, string> => Object.fromEntries(checks.map((check) => [check.id, check.status]));

const result = (checks: RawCheck[]): LabResult => ({
  language: 'en',
  nakhoda: '0',
  startedAt: '2026-01-01T00:00:00.000Z',
  endedAt: '2026-01-01T00:01:00.000Z',
  hostCheck: { node: 'local', hostname: '<host>', checkedAt: '2026-01-01T00:00:00.000Z', facts: [] },
  hypervisors: [],
  checks,
});

test('on two good guests every check is made once, and passes', async () => {
  const checks = await experiment({});
  assert.equal(checks.length, 16);
  assert.equal(new Set(checks.map((check) => check.id)).size, 16);
  assert.deepEqual(new Set(checks.map((check) => check.status)), new Set(['passed']));
  assert.equal(buildReport(result(checks)).ok, true);
});

test('on one hypervisor nothing between two is asked', async () => {
  const checks = await experiment({ hypervisors: ['qemu'] });
  assert.deepEqual(
    checks.map((check) => check.id),
    ['boot.qemu', 'address.qemu', 'snapshot.qemu', 'rollback.qemu', 'load.qemu', 'cleanup'],
  );
});

test('what an unusable hypervisor leaves out is not measured, with the reason, and never passed', async () => {
  const checks = await experiment({ unusable: new Map([['virtualbox', 'VirtualBox is not installed.']]) });
  for (const check of checks) {
    const touches = check.id.includes('virtualbox') || check.id === 'load.both';
    assert.equal(check.status, touches ? 'not-measured' : 'passed', check.id);
    if (touches) assert.equal(check.reason, 'VirtualBox is not installed.');
  }
  assert.equal(buildReport(result(checks)).ok, false);
});

test('a guest that does not boot fails its boot; what builds on it is not measured', async () => {
  const found = status(await experiment({ faults: { silent: 'qemu' } }));
  assert.equal(found['boot.qemu'], 'failed');
  assert.equal(found['ping.virtualbox-qemu'], 'not-measured');
  assert.equal(found['rollback.qemu'], 'not-measured');
  assert.equal(found['rollback.virtualbox'], 'passed');
  assert.equal(found['cleanup'], 'passed');
});

const lies: [string, Faults, string[]][] = [
  [
    'a lost packet',
    { answers: { ping: { stdout: '4 packets transmitted, 3 packets received, 25% packet loss\n' } } },
    ['ping.qemu-virtualbox'],
  ],
  ['a short file', { answers: { stat: { stdout: '5\n' } } }, ['transfer.qemu-virtualbox', 'transfer.virtualbox-qemu']],
  ['a failed download', { answers: { sh: { exitCode: 1, stderr: 'refused' } } }, ['transfer.qemu-virtualbox']],
  ['a folder that is still there', { answers: { ls: { exitCode: 0 } } }, ['rollback.qemu', 'rollback.virtualbox']],
  [
    'a guest that does no work',
    { answers: { 'nakhoda-load': { stdout: '{"work":0,"seconds":10,"perSecond":0}' } } },
    ['load.qemu', 'load.both'],
  ],
  ['something left over', { leftovers: ['nk-lab'] }, ['cleanup']],
];
for (const [what, faults, failed] of lies) {
  test(`${what} is seen`, async () => {
    const found = status(await experiment({ faults }));
    for (const id of failed) assert.equal(found[id], 'failed', id);
  });
}

test('a cancelled experiment stops, and says nothing more', async () => {
  await assert.rejects(experiment({ signal: AbortSignal.abort(new Error('cancelled')) }), /cancelled/u);
});

test('the page is whole in both languages, escapes what came from outside, and needs no other file', async () => {
  const checks = await experiment({ faults: { silent: 'virtualbox', answers: { uname: { stdout: '<script>alert(1)</script>' } } } });
  for (const language of ['en', 'id'] as const) {
    const page = renderReport(buildReport(result(checks), language));
    assert.match(page, new RegExp(`<html lang="${language}">`, 'u'));
    assert.doesNotMatch(page, /<script|undefined|NaN|\[object/u);
    assert.doesNotMatch(page, /(?:src|href)="http/u);
    assert.ok(page.includes('&#60;host&#62;'));
  }
  const [english, indonesian] = (['en', 'id'] as const).map((language) => buildReport(result(checks), language));
  assert.notEqual(english?.checks[0]?.title, indonesian?.checks[0]?.title);
});
