import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseSetupArguments } from './setup-arguments.ts';

const all = ['packages', 'page', 'virtualbox', 'guest'];
const plain = { steps: all, json: false, check: false, keepGoing: false };

test('orders everything, or what is named', () => {
  assert.deepEqual(parseSetupArguments([]), plain);
  assert.deepEqual(parseSetupArguments(['guest', '--json']), { ...plain, steps: ['guest'], json: true });
  assert.deepEqual(parseSetupArguments(['qemu10']), { ...plain, steps: ['qemu10'] });
  assert.deepEqual(parseSetupArguments(['--check', '--keep-going', 'packages', 'virtualbox']), {
    ...plain,
    steps: ['packages', 'virtualbox'],
    check: true,
    keepGoing: true,
  });
});

test('wrong usage is told, with the reason', () => {
  for (const args of [['--bogus'], ['vmware'], ['guest', ''], ['--json=yes']]) {
    const order = parseSetupArguments(args);
    assert.ok('usage' in order, args.join(' '));
    assert.match(order.mistake ?? '', /'--bogus'|"vmware"|""|--json/);
  }
});

test('--help is an answer, not an error', () => {
  const order = parseSetupArguments(['--help']);
  assert.ok('usage' in order);
  assert.equal(order.mistake, null);
});
