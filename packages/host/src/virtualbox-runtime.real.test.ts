import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

import { findVirtualBoxRuntime, runtimeArgv, virtualBoxPrograms } from './virtualbox-runtime.ts';

async function run(binds: string[], argv: [string, ...string[]]): Promise<{ pid: number | undefined; stdout: string }> {
  const runtime = await findVirtualBoxRuntime(process.env);
  assert.ok(runtime !== null, 'VirtualBox is not set up; run `./nakhoda setup virtualbox`');
  const [program = '', ...args] = runtimeArgv(runtime, { binds }, argv);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  return { pid: child.pid, stdout: await text(child.stdout) };
}

test('the real VBoxManage runs and says the version that was found', async () => {
  const runtime = await findVirtualBoxRuntime(process.env);
  const { stdout } = await run([], [`${virtualBoxPrograms}/VBoxManage`, '--version']);
  assert.equal(stdout.trim().split('\n').at(-1), runtime?.version);
});

test('a program in it is our own child, sees the bound folder, and mounts nothing on the host', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'inside'), 'seen');
  const { pid, stdout } = await run([folder], ['/bin/sh', '-c', 'echo $$; cat "$0/inside"', folder]);
  assert.deepEqual(stdout.split('\n'), [String(pid), 'seen']);
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  assert.ok(!mounts.includes(folder));
});
