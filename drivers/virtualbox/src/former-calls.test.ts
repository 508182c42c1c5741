import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { waitFor } from '@nakhoda/host';

import { waitForFormerCalls } from './former-calls.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nk-former-'));
  // Works until its standard input is closed.
  await writeFile(join(folder, 'VBoxManage'), 'echo begun\nread line\n');
});
after(() => rm(folder, { recursive: true }));

async function startCall(userHome: string): Promise<ChildProcess> {
  const env = { ...process.env, VBOX_USER_HOME: userHome };
  const call = spawn('sh', [join(folder, 'VBoxManage'), 'snapshot', 'vm', 'take'], { stdio: ['pipe', 'pipe', 'inherit'], env });
  await once(call.stdout, 'data');
  return call;
}
const wait = (limit: number, lines: string[] = []): Promise<void> =>
  waitForFormerCalls({
    userHome: folder,
    limitMs: (args) => (args[0] === 'snapshot' ? limit : 0),
    signal: new AbortController().signal,
    log: (line) => lines.push(line),
  });

test('a call that an earlier daemon left is waited for', async () => {
  const call = await startCall(folder);
  const lines: string[] = [];
  let over = false;
  const waiting = wait(20_000, lines).then(() => (over = true));
  assert.ok(await waitFor(() => lines.length > 0, { timeoutMs: 5000, pollMs: 5 }));
  assert.equal(over, false);
  call.stdin?.end();
  await waiting;
  assert.match(lines.join(), /VBoxManage snapshot \(process \d+\)/);
});

test('one that takes too long is ended', async () => {
  const call = await startCall(folder);
  const ended = once(call, 'exit');
  await wait(10);
  assert.deepEqual(await ended, [null, 'SIGTERM']);
});

test("another registry's is none of ours", async () => {
  const call = await startCall(`${folder}/other`);
  const lines: string[] = [];
  await wait(20_000, lines);
  assert.deepEqual(lines, []);
  call.kill();
});
