import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';

import { keepsLimit, median, rounded } from './figure.ts';
import type { FigureRow } from './figure.ts';
import { figureNotes, figureTable } from './figure-table.ts';
import { resultsName } from './machine-facts.ts';

// What of the benches can be tested without measuring.

test('every figure is a file that exports one function', async () => {
  const files = (await readdir(new URL('./figures/', import.meta.url))).filter((file) => file.endsWith('.ts'));
  assert.ok(files.length > 0);
  for (const file of files) {
    const exported = Object.values((await import(new URL(`./figures/${file}`, import.meta.url).href)) as object);
    assert.equal(exported.filter((value) => typeof value === 'function').length, 1, file);
  }
});

test('medians', () => {
  assert.equal(median([3]), 3);
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 2, 9]), 3);
  assert.throws(() => median([]), RangeError);
});

test('limits', () => {
  const row = (more: Partial<FigureRow>): FigureRow => ({ name: 'x', value: 10, unit: 'ms', ratio: 1.2, ...more });
  assert.equal(keepsLimit(row({})), null);
  assert.equal(keepsLimit(row({ limit: { of: 'value', atMost: 10 } })), true);
  assert.equal(keepsLimit(row({ limit: { of: 'value', atMost: 9 } })), false);
  assert.equal(keepsLimit(row({ limit: { of: 'ratio', atLeast: 1.2 } })), true);
  assert.equal(keepsLimit(row({ limit: { of: 'ratio', atLeast: 100 } })), false);
  assert.equal(keepsLimit(row({ value: null, limit: { of: 'value', atMost: 9 } })), null);
});

test('the table', () => {
  const rows: FigureRow[] = [
    {
      ...{ name: 'start', value: 61.234, unit: 'ms', against: '55 ms by hand', ratio: 1.1133 },
      ...{ limit: { of: 'ratio', atMost: 1.3 }, note: 'medians' },
    },
    { name: 'virsh', value: null, unit: 'ms', note: 'no libvirt' },
    { name: 'list', value: 1234.5, unit: 'ms', limit: { of: 'value', atMost: 10 } },
  ];
  assert.deepEqual(figureTable(rows).split('\n'), [
    '| figure | measured     | against       | ratio | limit             | kept |',
    '| ------ | ------------ | ------------- | ----- | ----------------- | ---- |',
    '| start  | 61.2 ms      | 55 ms by hand | 1.11  | ratio at most 1.3 | yes  |',
    '| virsh  | not measured |               |       |                   |      |',
    '| list   | 1235 ms      |               |       | at most 10 ms     | NO   |',
  ]);
  assert.equal(figureNotes(rows), '- start: medians\n- virsh: no libvirt');
  assert.equal(rounded(0.012_34), 0.0123);
});

test('names of result files', () => {
  const at = new Date('2026-11-24T19:00:00Z');
  assert.equal(resultsName({ cpu: 'Intel(R) Xeon(R) CPU @ 2.20GHz', cores: 2 }, at), '2026-11-24-intel-xeon-2-cores.json');
  assert.equal(resultsName({ cpu: 'AMD EPYC 7763 64-Core Processor', cores: 8 }, at), '2026-11-24-amd-epyc-7763-64-core-8-cores.json');
});
