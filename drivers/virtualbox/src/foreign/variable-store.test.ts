import assert from 'node:assert/strict';
import { test } from 'node:test';

import { secureBootIn } from './variable-store.ts';

/** A variable's header of VirtualBox 7.2.22 (`modifynvram secureboot --enable`), its name, and its value. */
function variable(state: number, value: number): Buffer {
  const header = Buffer.from(
    'aa553f0007000000000000000000000000000000000000000000000000000000000000002200000001000000c70ba3f008af564599c4001009c93a44',
    'hex',
  );
  header[2] = state;
  return Buffer.concat([header, Buffer.from('SecureBootEnable\0', 'utf16le'), Buffer.from([value, 0xff, 0xff])]);
}

test('the last valid variable tells whether signatures are checked', () => {
  assert.equal(secureBootIn(Buffer.alloc(1000, 0xff)), false);
  assert.equal(secureBootIn(variable(0x3f, 1)), true);
  assert.equal(secureBootIn(variable(0x3f, 0)), false);
  // Deleted, and made anew.
  assert.equal(secureBootIn(Buffer.concat([variable(0x3c, 1), variable(0x3f, 0)])), false);
  assert.equal(secureBootIn(Buffer.concat([variable(0x3c, 0), variable(0x3f, 1)])), true);
  // The name alone is none.
  assert.equal(secureBootIn(Buffer.from('SecureBootEnable\0\u0001', 'utf16le')), false);
  assert.equal(secureBootIn(variable(0x3f, 1).subarray(0, 90)), false);
});
