import assert from 'node:assert/strict';
import { test } from 'node:test';

import { endpointTable, type PlainEndpoint } from '@nakhoda/client';
import type { EndpointId } from '@nakhoda/schema';

import { requestOf, tableCommand } from './table-command.ts';

const endpoints = Object.entries(endpointTable) as [EndpointId, PlainEndpoint][];

test('every word, positional field and flag of the table exists once', () => {
  const calls = new Set<string>();
  for (const [id, endpoint] of endpoints) {
    const command = tableCommand(id, endpoint);
    if (command === null) continue;
    const words = command.words.join(' ');
    assert.ok(!calls.has(words), words);
    calls.add(words);
    const labels = command.fields.map(({ label }) => label);
    assert.equal(new Set(labels).size, labels.length, words);
    const fields = command.fields.map(({ name }) => name);
    for (const name of [...(endpoint.cli?.positional ?? []), ...Object.keys(endpoint.cli?.flags ?? {})]) {
      assert.ok(fields.includes(name.replace('?', '')), `${words}: ${name}`);
    }
  }
});

test('fields go to the part of the request that they belong to', () => {
  const command = tableCommand('snapshot.take', endpointTable['snapshot.take']);
  assert.ok(command);
  assert.deepEqual(
    command.fields.map(({ label, placeholder }) => [label, placeholder]),
    [
      ['VM', 'VM'],
      ['NAME', 'NAME'],
      ['--memory', null],
      ['--description', 'TEXT'],
    ],
  );
  assert.deepEqual(requestOf(command, { vm: '100', name: 'first', memory: true }), {
    params: { vm: '100' },
    body: { name: 'first', memory: true },
  });
  assert.deepEqual(requestOf(command, { vm: 'web' }), { params: { vm: 'web' }, body: {} });
});

test('integers are sent as numbers', () => {
  const command = tableCommand('vm.list', endpointTable['vm.list']);
  assert.ok(command);
  assert.deepEqual(requestOf(command, { limit: '5' }), { query: { limit: 5 } });
  assert.throws(() => requestOf(command, { limit: '0' }), { name: 'UsageError', message: '--limit is "0", which is too small.' });
});

test('a change takes lists and yes or no, and is of something', () => {
  const command = tableCommand('vm.set', endpointTable['vm.set']);
  assert.ok(command);
  const read = (texts: Record<string, string>) => requestOf(command, { vm: 'web', ...texts }).body;
  assert.deepEqual(read({ tags: 'lab, week-3', autostart: 'no', protection: 'yes', folder: '' }), {
    tags: ['lab', 'week-3'],
    autostart: false,
    protection: true,
    folder: '',
  });
  assert.deepEqual(read({ tags: '' }), { tags: [] });
  const refusals: [Record<string, string>, RegExp][] = [
    [{}, /Nothing to change was given/],
    [{ autostart: 'true' }, /neither yes nor no/],
    [{ tags: 'Lab' }, /--tags is "Lab"/],
    [{ tags: 'a,,b' }, /--tags is ""/],
    [{ hostDevices: 'usb:1' }, /--host-devices is "usb:1"/],
    [{ bootOrder: 'cdrom,floppy' }, /--boot is "floppy"/],
  ];
  for (const [texts, message] of refusals) assert.throws(() => read(texts), { name: 'UsageError', message }, JSON.stringify(texts));
});
