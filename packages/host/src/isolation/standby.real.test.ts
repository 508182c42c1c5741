import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { isAlive, processArgv, processRef, type ProcessRef, terminate, waitForExit } from '../process.ts';
import { waitFor } from '../wait.ts';
import { describeExit, readExit } from './exit-record.ts';
import { probeIsolation } from './isolation.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { keepStandby, spawnSupervised } from './supervise.ts';
import { vmIdentity } from './vm-identity.ts';

async function place() {
  const folder = await mkdtemp(join(tmpdir(), 'nk-standby-'));
  const options = { planPath: join(folder, 'plan'), logPath: join(folder, 'log'), standby: true };
  const plan = (argv: string[], changes: Partial<LaunchPlan> = {}): LaunchPlan => ({
    ...{ exitPath: join(folder, 'exit'), cgroups: [], view: null, identity: null, argv },
    ...changes,
  });
  return { folder, options, plan, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

/** Supervisors that wait for a plan of the process's. */
async function waiting(parent: number): Promise<ProcessRef[]> {
  const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
  const own = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      return new RegExp(`^PPid:\\s+${parent}$`, 'm').test(status) && (processArgv(pid)?.includes('-') ?? false) ? processRef(pid) : null;
    }),
  );
  return own.filter((ref) => ref !== null);
}

test('a supervisor that waited does what the others do, under the name of its plan', async () => {
  await using at = await place();
  keepStandby();
  keepStandby();
  const [ready, ...more] = await waiting(process.pid);
  assert.deepEqual(more, []);
  const { process: program, supervisor } = await spawnSupervised(at.plan(['sh', '-c', 'echo out; echo err >&2; sleep 60']), at.options);
  assert.deepEqual(supervisor, ready);
  assert.ok(processArgv(supervisor.pid)?.some((argument) => argument.trimEnd() === at.options.planPath));
  assert.ok(await waitFor(async () => (await readFile(at.options.logPath, 'utf8')) === 'out\nerr\n', { timeoutMs: 5_000, pollMs: 5 }));
  assert.equal((await stat(at.options.logPath)).mode & 0o777, 0o600);
  await terminate(program, { graceMs: 2_000 });
  assert.ok(await waitForExit(supervisor, { timeoutMs: 5_000, pollMs: 5 }));
  const exit = await readExit(at.plan([]).exitPath, program);
  assert.match(exit ? describeExit(exit) : '', /signal 15 \(SIGTERM\)/);
  assert.deepEqual(await waiting(process.pid), []);
});

test('where the one that waited is gone, another is started', async () => {
  await using at = await place();
  keepStandby();
  const [ready] = await waiting(process.pid);
  assert.ok(ready);
  process.kill(ready.pid, 'SIGKILL');
  const { supervisor, process: program } = await spawnSupervised(at.plan(['true']), at.options);
  assert.notEqual(supervisor.pid, ready.pid);
  assert.ok(await waitForExit(supervisor, { timeoutMs: 5_000, pollMs: 5 }));
  assert.equal((await readExit(at.plan([]).exitPath, program))?.exitCode, 0);
});

test('one that waits ends with whoever started it, however that ends', async () => {
  const module = fileURLToPath(new URL('./supervise.ts', import.meta.url));
  const script = `const { keepStandby } = await import(${JSON.stringify(module)}); keepStandby(); setInterval(() => undefined, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  let ready: ProcessRef | undefined;
  assert.ok(
    await waitFor(async () => ([ready] = await waiting(parent.pid ?? 0)) && ready !== undefined, { timeoutMs: 10_000, pollMs: 20 }),
  );
  parent.kill('SIGKILL');
  assert.ok(ready && (await waitForExit(ready, { timeoutMs: 5_000, pollMs: 5 })));
});

test('memory that a program may lock is allowed before its power goes', async (t) => {
  const isolation = await probeIsolation();
  if (!isolation.ok) {
    assert.ok(!(process.env['NAKHODA_REQUIRED'] ?? '').split(',').includes('qemu'), isolation.reason);
    t.skip(isolation.reason);
    return;
  }
  await using at = await place();
  const identity = vmIdentity({ owner: 'realtest', vmid: 102 });
  const { process: program } = await spawnSupervised(at.plan(['sleep', '60'], { identity, lockedBytes: 1_234_567 }), at.options);
  const isSleep = async (): Promise<boolean> => (await readFile(`/proc/${program.pid}/comm`, 'utf8')) === 'sleep\n';
  assert.ok(await waitFor(isSleep, { timeoutMs: 5_000, pollMs: 5 }));
  const limits = await readFile(`/proc/${program.pid}/limits`, 'utf8');
  const status = await readFile(`/proc/${program.pid}/status`, 'utf8');
  assert.ok(isAlive(program));
  await terminate(program, { graceMs: 2_000 });
  assert.match(limits, /^Max locked memory +1234567 +1234567 +bytes/m);
  assert.match(status, new RegExp(`^Uid:\\s+${identity.uid}\\s+${identity.uid}\\s`, 'm'));
});
