import assert from 'node:assert/strict';
import { test } from 'node:test';

import { processRef } from '@nakhoda/host';

import { emptyMachineLog, type MachineLog } from './machine-log.ts';
import type { KnownMachine } from './machines.ts';
import { StorageWatch, type ToldState, toldStateIn, withToldState } from './storage-watch.ts';

const running: MachineLog = { ...emptyMachineLog, pid: 42, state: 'Running', states: 2 };

test('what the service told counts until the log tells of another state', () => {
  const told: ToldState = { pid: 42, states: 2, state: 'Paused' };
  const paused = withToldState(running, told);
  assert.equal(paused.state, 'Paused');
  assert.match(paused.trouble ?? '', /storage is full/u);
  assert.equal(withToldState({ ...running, states: 3 }, told).state, 'Running');
  assert.equal(withToldState({ ...running, pid: 43 }, told).state, 'Running');
  // Paused by an order: no room is not the reason.
  assert.equal(withToldState({ ...running, state: 'Paused' }, told).trouble, null);
  assert.equal(withToldState(running, undefined), running);
});

test('the state is read from showvminfo', () => {
  // VirtualBox 7.2.22.
  assert.equal(toldStateIn('groups="/"\nVMState="paused"\nVMStateChangeTime="2026-11-25T02:41:40.849000000"\n'), 'Paused');
  assert.equal(toldStateIn('VMState="running"\n'), 'Running');
  assert.equal(toldStateIn('VMState="livesnapshotting"\n'), null);
});

test('the service is asked as long as there is no room, and not otherwise', async (t) => {
  const machine = { vmid: 100, uuid: 'u', folder: '/srv/images/100/nakhoda-100' } as KnownMachine;
  const self = processRef(process.pid);
  assert.ok(self);
  const asked: string[] = [];
  const told: ToldState[] = [];
  let free = 1024 ** 2;
  const watch = new StorageWatch({
    vbox: {
      run: async (args) => {
        asked.push(args.join(' '));
        return 'VMState="paused"\n';
      },
    },
    machines: { log: async () => running, tell: (_vmid, state) => told.push(state) === 1 },
    log: (line) => assert.fail(line),
    changed: (vmid) => asked.push(`changed ${vmid}`),
    freeBytes: async () => free,
  });
  t.after(() => watch.close());
  watch.notice(machine, self);
  await watch.look();
  assert.deepEqual(asked, []);
  free = 0;
  await watch.look();
  assert.deepEqual(asked, ['showvminfo u --machinereadable', 'changed 100']);
  assert.deepEqual(told, [{ pid: process.pid, states: 2, state: 'Paused' }]);
});
