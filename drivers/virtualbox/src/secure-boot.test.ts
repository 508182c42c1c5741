import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isOn, parseVariables, secureBootOrders } from './secure-boot.ts';

// Recorded with VBoxManage 7.2.22: `modifynvram VM listvars` and `queryvar --name SecureBootEnable`.
const listed = `KEK                              {8be4df61-93ca-11d2-aa0d-00e098032b8c}
KEKDefault                       {8be4df61-93ca-11d2-aa0d-00e098032b8c}
db                               {d719b2cb-3d3a-4596-a3bc-dad00e67656f}
PK                               {8be4df61-93ca-11d2-aa0d-00e098032b8c}
SecureBootEnable                 {f0a30bc7-af08-4556-99c4-001009c93a44}
`;
const value = (byte: string): string =>
  `SecureBootEnable {f0a30bc7-af08-4556-99c4-001009c93a44}:\n0000560e394d26c0/0000: ${byte}                                              .\n`;

test('variables and their values are read', () => {
  assert.deepEqual(parseVariables(listed), ['KEK', 'KEKDefault', 'db', 'PK', 'SecureBootEnable']);
  assert.deepEqual(parseVariables(''), []);
  assert.deepEqual([isOn(value('01')), isOn(value('00')), isOn('')], [true, false, false]);
});

test('a store is made, keys enrolled and secure boot switched, each only where it is missing', () => {
  const names = parseVariables(listed);
  assert.deepEqual(secureBootOrders(true, { names: [], secureBoot: false }), [
    ['inituefivarstore'],
    ['enrollmssignatures'],
    ['enrollorclpk'],
    ['secureboot', '--enable'],
  ]);
  // The guest's own boot entries are in the store, so it is kept.
  assert.deepEqual(secureBootOrders(true, { names: ['BootOrder'], secureBoot: false }), [
    ['enrollmssignatures'],
    ['enrollorclpk'],
    ['secureboot', '--enable'],
  ]);
  assert.deepEqual(secureBootOrders(true, { names, secureBoot: false }), [['secureboot', '--enable']]);
  assert.deepEqual(secureBootOrders(true, { names, secureBoot: true }), []);
  assert.deepEqual(secureBootOrders(false, { names, secureBoot: true }), [['secureboot', '--disable']]);
  assert.deepEqual(secureBootOrders(false, { names: [], secureBoot: false }), []);
});
