import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import fc from 'fast-check';

import { apiCall, cliCommand, shellWord } from './cli-command.ts';

test('words, positional fields and flags are those of the table', () => {
  const body = { name: 'web', hypervisor: 'qemu', memoryMiB: 512, diskGiB: 4, cpuModel: 'host', start: true, ciDrive: true };
  assert.equal(
    cliCommand('vm.create', { body }),
    './nakhoda vm create web --hypervisor qemu --memory 512 --disk 4 --cpu host --start --cloud-init',
  );
  assert.equal(
    cliCommand('vm.clone', { params: { vm: '100' }, body: { name: 'b', linked: false } }),
    './nakhoda vm clone 100 b --linked no',
  );
  assert.equal(cliCommand('vm.set', { params: { vm: '100' }, body: { template: true } }), './nakhoda vm set 100 --template yes');
});

test('a switch that is off is left out; one that is on by default takes yes or no', () => {
  assert.equal(
    cliCommand('vm.create', { body: { name: 'a', hypervisor: 'qemu', tpm: false, diskDiscard: false } }),
    './nakhoda vm create a --hypervisor qemu --disk-discard no',
  );
});

test('lists, quotes, dashes and secrets', () => {
  const body = { name: 'a', hypervisor: 'qemu', tags: ['x', 'y'], notes: "it's\n$HOME", folder: '', ciPassword: 'secret' };
  assert.equal(
    cliCommand('vm.create', { body: { ...body, folder: undefined } }, { secrets: { ciPassword: 'PASSWORD' } }),
    `./nakhoda vm create a --hypervisor qemu --tags x,y --notes 'it'\\''s\n$HOME' --ci-password "$PASSWORD"`,
  );
  assert.equal(
    cliCommand('vm.create', { body: { name: 'a', hypervisor: 'qemu', notes: '--start' } }),
    './nakhoda vm create a --hypervisor qemu --notes=--start',
  );
});

test('a long command has a line for each flag', () => {
  assert.equal(
    cliCommand('vm.create', { body: { name: 'a', hypervisor: 'qemu', start: true } }, { lines: true }),
    './nakhoda vm create a \\\n  --hypervisor qemu \\\n  --start',
  );
});

test('the API call hides what is secret', () => {
  const { line, body } = apiCall('vm.create', { body: { name: 'a', ciPassword: 'secret' } }, { secrets: { ciPassword: 'PASSWORD' } });
  assert.equal(line, 'POST /api/v1/vms');
  assert.deepEqual(JSON.parse(body), { name: 'a', ciPassword: '…' });
});

test('a shell reads every word as it was', () => {
  const samples = fc.sample(fc.string({ unit: 'binary' }), 200).filter((text) => !text.includes('\0') && text.isWellFormed());
  const texts = [...samples, '', "'", "''", '$(id)', '`id`', '\\', '!x', '*', '~', '#', ' a  b ', '\n'];
  const out = execFileSync('sh', ['-c', `printf '%s\\0' ${texts.map(shellWord).join(' ')}`]).toString('utf8');
  assert.deepEqual(out.split('\0').slice(0, -1), texts);
});
