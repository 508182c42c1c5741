import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { i18n } from '@lingui/core';

import { bytes, duration, gibibytes, mebibytes } from './format.ts';

before(() => i18n.loadAndActivate({ locale: 'en', messages: {} }));

test('sizes have the unit that a person would take', () => {
  assert.deepEqual([0, 1, 1023, 1024, 1536, 2 ** 40, 2 ** 51].map(bytes), [
    '0 B',
    '1 B',
    '1,023 B',
    '1 KiB',
    '1.5 KiB',
    '1 TiB',
    '2,048 TiB',
  ]);
  assert.equal(mebibytes(512), '512 MiB');
  assert.equal(mebibytes(2048), '2 GiB');
  assert.equal(gibibytes(0.5), '512 MiB');
});

test('times have their two largest parts', () => {
  assert.deepEqual([-1, 0, 59, 60, 3600, 3725, 90_000, 86_400].map(duration), [
    '0 s',
    '0 s',
    '59 s',
    '1 min',
    '1 h',
    '1 h 2 min',
    '1 d 1 h',
    '1 d',
  ]);
});
