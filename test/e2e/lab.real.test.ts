import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import type { LabReport } from '@nakhoda/schema';

import { startDaemon } from '../support/daemon-process.ts';

const expectedIds = [
  'boot.qemu',
  'boot.virtualbox',
  'address.qemu',
  'address.virtualbox',
  'ping.qemu-virtualbox',
  'ping.virtualbox-qemu',
  'transfer.qemu-virtualbox',
  'transfer.virtualbox-qemu',
  'snapshot.qemu',
  'rollback.qemu',
  'snapshot.virtualbox',
  'rollback.virtualbox',
  'load.qemu',
  'load.virtualbox',
  'load.both',
  'cleanup',
];

test('the whole experiment on real QEMU and real VirtualBox passes every check', { timeout: 900_000 }, async () => {
  await using daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
  const out = join(daemon.data, 'report');
  const result = await daemon.cli(['lab', 'run', '--out', out, '--lang', 'id'], { timeoutMs: 900_000 });
  const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as LabReport;

  const notPassed = report.checks
    .filter((check) => check.status !== 'passed')
    .map((check) => `${check.id}: ${check.status}: ${check.reason}`);
  assert.deepEqual(notPassed, []);
  assert.deepEqual(report.checks.map((check) => check.id).sort(), [...expectedIds].sort());
  assert.equal(report.ok, true);
  assert.equal(result.exitCode, 0, result.stderr);

  const page = await readFile(join(out, 'report.html'), 'utf8');
  assert.match(page, /<html lang="id">/u);
  assert.doesNotMatch(page, /(src|href)="http/u, 'the page needs no other file');

  assert.deepEqual(await daemon.json('vm', 'list'), [], 'no guest is left');
  assert.deepEqual(await daemon.json('network', 'list'), [], 'no network is left');
});
