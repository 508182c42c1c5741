import assert from 'node:assert/strict';
import { test } from 'node:test';

import { asRoot } from './run-program.ts';

test('root needs no sudo, and nobody is asked where nobody could answer', () => {
  const argv = ['debootstrap', 'sid'];
  const sudo = ['--preserve-env=http_proxy,https_proxy,no_proxy', '--', ...argv];
  assert.deepEqual(asRoot(argv, { uid: 0, terminal: false }), argv);
  assert.deepEqual(asRoot(argv, { uid: 1000, terminal: true }), ['sudo', ...sudo]);
  assert.deepEqual(asRoot(argv, { uid: 1000, terminal: false }), ['sudo', '-n', ...sudo]);
});
