import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { VmState } from '@nakhoda/schema';

import { emptyMachineLog } from './machine-log.ts';
import type { MachineLog } from './machine-log.ts';
import { judgeState } from './machine-state.ts';
import type { RunFile } from './run-record.ts';

const run: RunFile = {
  run: {
    process: { pid: 42, startTicks: 1, bootId: 'b' },
    display: null,
    execution: { mode: 'interpreter', reason: 'no driver' },
    startedAt: '2026-11-23T14:00:00.000Z',
  },
};
const log = (state: string | null, pid = 42): MachineLog => ({ ...emptyMachineLog, pid, state });

const cases: [string, Parameters<typeof judgeState>[0], VmState, RegExp | null][] = [
  ['never started', { run: null, alive: false, thisBoot: true, log: log(null) }, 'stopped', null],
  ['a failed start', { run: { failure: 'no disk' }, alive: false, thisBoot: true, log: log('PoweredOff') }, 'stopped', /^no disk$/],
  ['a start under way', { run: { launching: '2026-11-23T14:00:00.000Z' }, alive: false, thisBoot: true, log: log(null) }, 'stopped', null],
  ['no log yet', { run, alive: true, thisBoot: true, log: emptyMachineLog }, 'starting', null],
  ["the log is the last run's", { run, alive: true, thisBoot: true, log: log('PoweredOff', 41) }, 'starting', null],
  ['powering up', { run, alive: true, thisBoot: true, log: log('Starting') }, 'starting', null],
  ['loading memory', { run, alive: true, thisBoot: true, log: log('Restoring') }, 'starting', null],
  ['running', { run, alive: true, thisBoot: true, log: log('Running') }, 'running', null],
  ['a live snapshot', { run, alive: true, thisBoot: true, log: log('LiveSnapshotting') }, 'running', null],
  ['the end of a live snapshot', { run, alive: true, thisBoot: true, log: log('OnlineSnapshotting') }, 'running', null],
  ['paused', { run, alive: true, thisBoot: true, log: log('Paused') }, 'paused', null],
  [
    'paused for a reason',
    { run, alive: true, thisBoot: true, log: { ...log('Paused'), trouble: 'Host disk full' } },
    'paused',
    /^Host disk full$/,
  ],
  ['guru meditation', { run, alive: true, thisBoot: true, log: log('GuruMeditation') }, 'crashed', /Guru Meditation/],
  ['powering off', { run, alive: true, thisBoot: true, log: log('Stopping') }, 'stopping', null],
  ['off, with its process about to leave', { run, alive: true, thisBoot: true, log: log('PoweredOff') }, 'stopping', null],
  ['switched off by its guest', { run, alive: false, thisBoot: true, log: log('PoweredOff') }, 'stopped', null],
  ['saved by somebody', { run, alive: false, thisBoot: true, log: log('Saved') }, 'stopped', null],
  ['switched off before a reboot of the host', { run, alive: false, thisBoot: false, log: log('PoweredOff') }, 'stopped', null],
  ['killed', { run, alive: false, thisBoot: true, log: log('Running') }, 'crashed', /process 42 ended/],
  ['killed while starting', { run, alive: false, thisBoot: true, log: log('PoweredOff', 41) }, 'crashed', /process 42 ended/],
  [
    'killed after trouble',
    { run, alive: false, thisBoot: true, log: { ...log('Running'), trouble: 'Bad sector' } },
    'crashed',
    /Bad sector/,
  ],
  ['taken down by the host', { run, alive: false, thisBoot: false, log: log('Running') }, 'crashed', /host went down/],
];

for (const [title, evidence, state, reason] of cases) {
  test(`${title}: ${state}`, () => {
    const judged = judgeState(evidence);
    assert.equal(judged.state, state);
    if (reason) assert.match(judged.reason ?? '', reason);
    else assert.equal(judged.reason, undefined);
  });
}
