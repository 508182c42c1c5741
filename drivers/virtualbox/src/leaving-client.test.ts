import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isLeaving, threadNames } from './leaving-client.ts';

test('a client is leaving when it no longer watches the service, but would still answer it', () => {
  // VBoxManage 7.2.22_Debian, /proc/PID/task/*/comm: while it lists VMs, and as it sleeps for 10 s afterwards.
  assert.equal(isLeaving(['VBoxManage', 'RTThrdPP', 'Ipc-Conn', 'VBoxSVCWatcher']), false);
  assert.equal(isLeaving(['VBoxManage', 'RTThrdPP', 'Ipc-Conn', 'DCon02']), true);
  // With a session the service asks the client while the order is under way.
  assert.equal(isLeaving(['VBoxManage', 'RTThrdPP', 'Ipc-Conn', 'VBoxSVCWatcher', 'DCon01']), false);
  // On its way in, and on the run time's way to it.
  assert.equal(isLeaving(['VBoxManage', 'RTThrdPP', 'Ipc-Conn']), false);
  assert.equal(isLeaving(['sh']), false);
  assert.equal(isLeaving([]), false);
});

test("a process's threads are told by name", () => {
  assert.ok(threadNames(process.pid).length > 1);
  assert.deepEqual(threadNames(2 ** 22 + 1), []);
});
