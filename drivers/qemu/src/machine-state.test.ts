import assert from 'node:assert/strict';
import { test } from 'node:test';

import { defaultHardware, fixedHardware, type MachineSpec } from '@nakhoda/driver';

import type { RunRecord } from './machine-record.ts';
import { deriveStatus, type Observation } from './machine-state.ts';

const spec: MachineSpec = {
  vmid: 101,
  name: 'web',
  uuid: '0b1d2c3e-0000-4000-8000-000000000101',
  cores: 1,
  memoryMiB: 128,
  ...defaultHardware(fixedHardware),
  directory: '/d',
  runtimeDirectory: '/r',
  disks: [],
  cdrom: null,
  nics: [],
};
const run: RunRecord = {
  kind: 'run',
  process: { pid: 42, startTicks: 1, bootId: 'now' },
  argv: [],
  execution: { mode: 'tcg', reason: 'because' },
  startedAt: '2026-01-01T00:00:00.000Z',
  begun: true,
  ending: null,
};
const stopped: Observation = {
  record: { spec },
  boot: null,
  alive: false,
  runState: null,
  activity: null,
  diskFaults: null,
  tpmEnded: false,
  bootId: 'now',
  lastWords: '',
  howEnded: null,
  currentSnapshot: null,
  pendingRollback: null,
  suspended: false,
};
const running: Observation = { ...stopped, boot: run, alive: true, runState: 'running' };
const starting = { state: 'starting', reason: 's' } as const;
const stopping = { state: 'stopping', reason: 's' } as const;
const snapshot = { state: 'paused', reason: 's' } as const;

const cases: [string, Observation, string, RegExp | null][] = [
  ['nothing on record', stopped, 'stopped', null],
  ['a failed start', { ...stopped, boot: { kind: 'failed', reason: 'no tap', at: '' } }, 'stopped', /no tap/],
  ['about to be started', { ...stopped, boot: { kind: 'launching', at: '' }, activity: starting }, 'starting', /s/],
  ['its TPM ended', { ...running, tpmEnded: true }, 'running', /swtpm/],
  ['a watchdog that was not fed', { ...running, runState: 'watchdog' }, 'paused', /watchdog/],
  ['panicked', { ...running, runState: 'guest-panicked' }, 'crashed', /panicked/],
  ['panicked, and kept', { ...running, boot: { ...run, held: true }, runState: 'guest-panicked' }, 'paused', /panicked.*kept for a look/],
  ['kept once, and running again', { ...running, boot: { ...run, held: true } }, 'running', null],
  ['kept, and then killed', { ...stopped, boot: { ...run, held: true } }, 'crashed', /process 42 ended/],
  ['gone without an order', { ...stopped, boot: run }, 'crashed', /process 42 ended/],
  ['gone with last words', { ...stopped, boot: run, lastWords: 'Killed' }, 'crashed', /last words: Killed/],
  [
    'killed',
    { ...stopped, boot: run, howEnded: 'was killed by signal 9 (SIGKILL)' },
    'crashed',
    /process 42 was killed by signal 9 \(SIGKILL\); nobody/,
  ],
  ['gone as ordered', { ...stopped, boot: { ...run, ending: 'poweroff' } }, 'stopped', null],
  ['gone with the host', { ...stopped, boot: run, bootId: 'later' }, 'stopped', /host was restarted/],
  ['gone before it ran', { ...stopped, boot: { ...run, begun: false } }, 'stopped', /interrupted/],
  ['gone while a snapshot was taken', { ...stopped, boot: run, activity: snapshot }, 'crashed', /ended/],
  ['disks half rolled back', { ...stopped, pendingRollback: 'one' }, 'stopped', /rollback to one/],
  ['running', running, 'running', null],
  ['running, start not put down yet', { ...running, activity: starting }, 'running', null],
  ['asked to shut down', { ...running, activity: stopping }, 'stopping', /s/],
  ['disks being kept while it runs', { ...running, activity: snapshot }, 'running', null],
  ['memory being kept', { ...running, runState: 'save-vm', activity: snapshot }, 'paused', /s/],
  ['memory being kept, and silent', { ...running, runState: null, activity: snapshot }, 'paused', /s/],
  ['silent', { ...running, runState: null }, 'unknown', /42 lives, but does not answer/],
  ['not yet let run', { ...running, boot: { ...run, begun: false }, runState: 'prelaunch' }, 'starting', null],
  ['powered off by itself', { ...running, runState: 'shutdown' }, 'stopping', /itself/],
  ['paused by somebody', { ...running, runState: 'paused' }, 'paused', /paused/],
  ['paused by a lost rollback', { ...running, runState: 'paused', pendingRollback: 'one' }, 'paused', /rollback to one/],
  ['an error of a disk', { ...running, runState: 'io-error' }, 'paused', /disk/],
  ['no space', { ...running, runState: 'io-error', diskFaults: { full: ['disk1'], failed: [] } }, 'paused', /no room .* disk1: .*resume/],
  ['a broken disk', { ...running, runState: 'io-error', diskFaults: { full: [], failed: ['disk0'] } }, 'paused', /disk0 reported an error/],
  ['kernel panic', { ...running, runState: 'guest-panicked' }, 'crashed', /panicked/],
  ['KVM failed', { ...running, runState: 'internal-error', lastWords: 'KVM internal error' }, 'crashed', /KVM internal error/],
];

for (const [title, observation, state, reason] of cases) {
  test(`state: ${title}`, () => {
    const status = deriveStatus(observation);
    assert.equal(status.state, state);
    if (reason) assert.match(status.reason ?? '', reason);
    else assert.equal(status.reason, undefined);
    assert.equal(status.pid, observation.alive ? 42 : undefined);
  });
}

test('a running VM tells its execution, its start and its snapshot', () => {
  assert.deepEqual(deriveStatus({ ...running, currentSnapshot: 'one' }), {
    vmid: 101,
    uuid: spec.uuid,
    state: 'running',
    execution: run.execution,
    pid: 42,
    startedAt: run.startedAt,
    currentSnapshot: 'one',
  });
});
