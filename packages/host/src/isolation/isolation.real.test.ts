import assert from 'node:assert/strict';
import { chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { exec } from '../exec.ts';
import { isAlive, processRef, terminate, waitForExit } from '../process.ts';
import { waitFor } from '../wait.ts';
import { describeExit, readExit } from './exit-record.ts';
import { probeIsolation } from './isolation.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { planView, readSystemFacts } from './private-view.ts';
import { spawnSupervised, supervisorArgv } from './supervise.ts';
import { vmIdentity } from './vm-identity.ts';

const identity = vmIdentity({ owner: 'realtest', vmid: 101 });

async function place() {
  const folder = await mkdtemp(join(tmpdir(), 'nk-supervise-'));
  const options = { planPath: join(folder, 'plan'), logPath: join(folder, 'log') };
  const plan = (argv: string[], changes: Partial<LaunchPlan> = {}): LaunchPlan => ({
    exitPath: join(folder, 'exit'),
    cgroups: [],
    view: null,
    identity: null,
    argv,
    ...changes,
  });
  return {
    folder,
    options,
    plan,
    /** Runs to the end, and gives that end and what was said. */
    async run(plan: LaunchPlan) {
      const { process, supervisor } = await spawnSupervised(plan, options);
      assert.ok(await waitForExit(supervisor, { timeoutMs: 10_000, pollMs: 5 }));
      const exit = await readExit(plan.exitPath, process);
      assert.ok(exit);
      return { how: describeExit(exit), output: await readFile(options.logPath, 'utf8') };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test('how a program ended is on record: code, signal, and what could not be run at all', async () => {
  await using at = await place();
  assert.deepEqual(await at.run(at.plan(['true'])), { how: 'ended with exit code 0', output: '' });
  assert.equal((await at.run(at.plan(['perl', '-e', 'exit 3']))).how, 'ended with exit code 3');
  assert.match((await at.run(at.plan(['perl', '-e', 'kill "SEGV", $$; sleep 9']))).how, /signal 11 \(SIGSEGV\)/);
  const missing = await at.run(at.plan(['nakhoda-no-such-program']));
  assert.match(missing.output, /nakhoda supervisor: nakhoda-no-such-program: No such file/);
  assert.match(missing.how, /exit code [1-9]/);
  await assert.rejects(stat(at.options.planPath), { code: 'ENOENT' });
});

test('a plan that is cut short runs nothing', async () => {
  await using at = await place();
  await writeFile(at.options.planPath, `nakhoda-launch-1\0${at.folder}/exit\0run\0touch\0${at.folder}/made`);
  await assert.rejects(exec(supervisorArgv(at.options.planPath)), { message: /no whole launch plan/ });
  await assert.rejects(stat(join(at.folder, 'made')), { code: 'ENOENT' });
});

test('SIGTERM goes to the program, SIGKILL ends the supervisor alone', async () => {
  await using at = await place();
  const asked = await spawnSupervised(at.plan(['sleep', '60']), at.options);
  process.kill(asked.supervisor.pid, 'SIGTERM');
  assert.ok(await waitForExit(asked.supervisor, { timeoutMs: 5_000 }));
  assert.ok(!isAlive(asked.process));
  const exit = await readExit(at.plan([]).exitPath, asked.process);
  assert.match(exit ? describeExit(exit) : '', /signal 15 \(SIGTERM\)/);

  const left = await spawnSupervised(at.plan(['sleep', '60']), at.options);
  process.kill(left.supervisor.pid, 'SIGKILL');
  assert.ok(await waitForExit(left.supervisor, { timeoutMs: 5_000 }));
  assert.ok(isAlive(left.process));
  await terminate(left.process, { graceMs: 2_000 });
  assert.equal(await readExit(at.plan([]).exitPath, left.process), null);
});

test('a supervisor is small', async () => {
  await using at = await place();
  const { process, supervisor } = await spawnSupervised(at.plan(['sleep', '60']), at.options);
  const rollup = await readFile(`/proc/${supervisor.pid}/smaps_rollup`, 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1]);
  await terminate(process, { graceMs: 2_000 });
  assert.ok(kib('Private_Dirty') < 3_000, `${kib('Private_Dirty')} KiB of its own`);
  assert.ok(kib('Pss') < 6_000, `${kib('Pss')} KiB with its share`);
});

/** Not for somebody who is not root; where QEMU is required, so is this. */
async function isPossible(t: TestContext): Promise<boolean> {
  const isolation = await probeIsolation();
  if (isolation.ok) return true;
  assert.ok(!(process.env['NAKHODA_REQUIRED'] ?? '').split(',').includes('qemu'), isolation.reason);
  t.skip(isolation.reason);
  return false;
}

/** Tries everything that it must not be able to do, and prints what it could. */
const probe = `
use strict;
my ($own, $foreign, $database, $disc) = @ARGV;
sub look { my ($name, $ok) = @_; print "$name: ", ($ok ? 'yes' : "no ($!)"), "\\n" }
look('own disk written', open my $f, '+<', "$own/disk");
look('record read', open my $g, '<', "$own/record");
look('file made in own folder', open my $h, '>', "$own/new");
look('disc read', open my $i, '<', $disc);
look('disc written', open my $j, '>>', $disc);
look("another's folder seen", -e $foreign);
look("another's disk read", open my $k, '<', "$foreign/disk");
look('database read', open my $l, '<', $database);
for my $path (qw(/home /root /var /proc/1 /sys/class /etc/passwd /etc/shadow /run)) { look("$path seen", -e $path) }
look('file made in /', open my $m, '>', '/new');
look('program changed', open my $n, '>>', '/usr/bin/perl');
look('became root', ($> = 0) == 0 && $> == 0);
look('signalled the daemon', kill 0, getppid);
look('disk of the host opened', open my $o, '<', '/dev/vda');
look('mounted', syscall(165, my $a = 'none', my $b = '/usr', my $c = 'tmpfs', 0, my $d = '') == 0);
print "folders: @{[ sort grep { !/^\\./ } do { opendir my $d, '/'; readdir $d } ]}\\n";
`;

test('a program in isolation reaches its own files and nothing else', async (t) => {
  if (!(await isPossible(t))) return;
  await using at = await place();
  const [own, foreign, disc, database] = ['101', '102', 'disc.iso', 'nakhoda.db'].map((name) => join(at.folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  // All modes as open as they can be: what keeps it out is that it does not see them.
  for (const path of [own, foreign]) await mkdir(path);
  for (const path of [join(foreign, 'disk'), disc, database]) await writeFile(path, 'x', { mode: 0o666 });
  await writeFile(join(own, 'record'), 'x', { mode: 0o600 });
  await writeFile(join(own, 'disk'), 'x', { mode: 0o600 });
  await chown(join(own, 'disk'), identity.uid, identity.gid);
  const pair = (path: string) => ({ source: path, path });
  const view = planView({ lend: [pair(own)], show: [pair(disc)], devices: [] }, await readSystemFacts());
  const { how, output } = await at.run(at.plan(['perl', '-e', probe, own, foreign, database, disc], { identity, view }));
  assert.equal(how, 'ended with exit code 0', output);
  const could = output.split('\n').filter((line) => line.includes(': yes'));
  assert.deepEqual(could, ['own disk written: yes', 'disc read: yes'], output);
  assert.match(output, /folders: (?:bin )?dev etc lib .*tmp usr$/m);
});

/** Calls that CAP_SYS_PTRACE would allow, or that would make a way to them; the numbers are x86-64's. */
const holder = `
use strict;
my $pid = shift;
sub look { my ($name, $ok) = @_; print "$name: ", ($ok ? 'yes' : "no ($!)"), "\\n" }
my $buffer = ' ' x 64;
look('userfaultfd', syscall(323, 0) >= 0);
look('ptrace', syscall(101, 0x4206, $pid + 0, 0, 0) >= 0);
look('process_vm_readv', syscall(310, $pid + 0, $buffer, 1, $buffer, 1, 0) >= 0);
look('pidfd_open', syscall(434, $pid + 0, 0) >= 0);
look('kcmp', syscall(312, $pid + 0, $$ + 0, 1, 0, 0) >= 0);
look('perf_event_open', syscall(298, $buffer, $pid + 0, -1, -1, 0) >= 0);
look('user namespace', syscall(272, 0x10000000) >= 0);
look('user namespace by clone', syscall(56, 0x10000011, 0, 0, 0, 0) >= 0);
look('clone3', syscall(435, $buffer, 64) >= 0);
my $child = fork;
exit if defined $child && !$child;
look('fork', $child);
waitpid $child, 0;
print "done\\n";
`;

test('a program that keeps a capability for userfaultfd can use it for nothing else', async (t) => {
  if (!(await isPossible(t))) return;
  await using at = await place();
  const { process: victim } = await spawnSupervised(at.plan(['sleep', '60']), at.options);
  const view = planView({ lend: [], show: [], devices: [] }, await readSystemFacts());
  const argv = ['perl', '-e', holder, String(victim.pid)];
  const { output } = await at.run(at.plan(argv, { identity, view, userfaultfd: true, exitPath: join(at.folder, 'holder') }));
  await terminate(victim, { graceMs: 2_000 });
  assert.match(output, /^done$/m);
  assert.deepEqual(output.match(/^.*: yes$/gm), ['userfaultfd: yes', 'fork: yes'], output);
  assert.match(output, /^clone3: no \(Function not implemented\)$/m);
  for (const refusal of output.match(/^(?!clone3).*: no .*$/gm) ?? []) assert.match(refusal, /\(Operation not permitted\)$/);
});

test('a program in isolation has no power, and devices of its own', async (t) => {
  if (!(await isPossible(t))) return;
  await using at = await place();
  const view = planView({ lend: [], show: [], devices: [] }, await readSystemFacts());
  const { process } = await spawnSupervised(at.plan(['sleep', '60'], { identity, view }), at.options);
  assert.ok(
    await waitFor(async () => (await readFile(`/proc/${process.pid}/comm`, 'utf8')) === 'sleep\n', { timeoutMs: 5_000, pollMs: 5 }),
  );
  const status = await readFile(`/proc/${process.pid}/status`, 'utf8');
  const device = await stat(`/proc/${process.pid}/root/dev/urandom`);
  const host = await stat('/dev/urandom');
  await terminate(process, { graceMs: 2_000 });
  const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'm').exec(status)?.[1] ?? '';
  assert.deepEqual(field('Uid').split('\t'), Array<string>(4).fill(String(identity.uid)));
  assert.deepEqual(field('Gid').split('\t'), Array<string>(4).fill(String(identity.gid)));
  assert.equal(field('Groups'), '');
  for (const name of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) assert.match(field(name), /^0+$/, name);
  assert.equal(field('NoNewPrivs'), '1');
  assert.deepEqual([device.uid, device.mode & 0o777, device.rdev], [identity.uid, 0o600, host.rdev]);
  assert.ok(processRef(process.pid) === null);
});
