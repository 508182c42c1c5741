import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { terminate } from '../process.ts';
import { spawnSupervised } from './supervise.ts';
import { findSupervised, systemdRunArgv, type UnitRequest } from './systemd-unit.ts';

const request: UnitRequest = {
  name: 'nakhoda-test0001-101',
  description: 'Nakhoda VM web (101)',
  logPath: '/var/lib/nakhoda/images/101/qemu.log',
  limits: {},
  environment: { PATH: '/usr/sbin:/usr/bin', LANG: 'C.UTF-8' },
  argv: ['perl', '/opt/supervisor.pl', '/var/lib/nakhoda/images/101/qemu.launch'],
};

test('a VM as a transient unit', () => {
  assert.deepEqual(systemdRunArgv(request), [
    'systemd-run',
    '--system',
    '--quiet',
    '--collect',
    '--service-type=exec',
    '--slice=nakhoda.slice',
    '--unit=nakhoda-test0001-101.service',
    '--description=Nakhoda VM web (101)',
    '--property=KillMode=process',
    '--property=Restart=no',
    '--property=OOMPolicy=continue',
    '--property=TasksMax=infinity',
    '--property=LimitCORE=0',
    '--property=StandardOutput=append:/var/lib/nakhoda/images/101/qemu.log',
    '--property=StandardError=append:/var/lib/nakhoda/images/101/qemu.log',
    '--setenv=PATH=/usr/sbin:/usr/bin',
    '--setenv=LANG=C.UTF-8',
    '--',
    'perl',
    '/opt/supervisor.pl',
    '/var/lib/nakhoda/images/101/qemu.launch',
  ]);
});

test('limits of a unit', () => {
  const limits = (value: UnitRequest['limits']): string[] =>
    systemdRunArgv({ ...request, limits: value }).filter((part) => /=(?:CPU|Memory|IO)/.test(part));
  assert.deepEqual(limits({ cpuLimit: 1.5, cpuShares: 20, memoryMaxBytes: 1024 ** 3, ioWeight: 50 }), [
    '--property=CPUQuota=150%',
    '--property=CPUWeight=20',
    '--property=MemoryMax=1073741824',
    '--property=IOWeight=50',
  ]);
  assert.deepEqual(limits({ cpuLimit: 0.001 }), ['--property=CPUQuota=1%']);
  const odd = systemdRunArgv({ ...request, logPath: '/srv/100%/qemu.log' });
  assert.ok(odd.includes('--property=StandardError=append:/srv/100%%/qemu.log'));
});

test('a supervisor that somebody else started is found by its plan, and its program with it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-unit-'));
  const planPath = join(folder, 'plan');
  const plan = { exitPath: join(folder, 'exit'), cgroups: [], view: null, identity: null, argv: ['sleep', '60'] };
  assert.equal(findSupervised(planPath), null);
  const started = await spawnSupervised(plan, { planPath, logPath: join(folder, 'log') });
  assert.deepEqual(findSupervised(planPath), started);
  await terminate(started.process, { graceMs: 2_000 });
  await rm(folder, { recursive: true });
});
