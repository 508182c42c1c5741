import assert from 'node:assert/strict';
import { test } from 'node:test';

import { NakhodaError, type ErrorCode } from '@nakhoda/schema/errors';

import { emptyDraft } from './draft.ts';
import { placeOfRefusal, stepFields, stepIds } from './places.ts';

test('every field has one step', () => {
  assert.deepEqual(stepIds.flatMap((step) => stepFields[step]).toSorted(), Object.keys(emptyDraft).toSorted());
});

test('a refusal leads to its field', () => {
  const place = (code: ErrorCode, details?: Record<string, unknown>, hint = '') => {
    const found = placeOfRefusal(new NakhodaError(code, { message: '', hint, ...(details === undefined ? {} : { details }) }));
    return found === null ? null : `${found.step}/${found.field}`;
  };
  assert.equal(place('vm.name-taken'), 'hypervisor/name');
  assert.equal(place('network.not-found'), 'network/network');
  assert.equal(place('storage.volume-not-found'), 'os/volume');
  assert.equal(place('vm.spec-invalid', { field: 'disks.0.bus' }), 'disk/diskBus');
  assert.equal(place('vm.spec-invalid', { field: 'tpm' }), 'compute/tpm');
  assert.equal(place('request.invalid', { field: 'ciSshKeys.0', in: 'body' }), 'automation/ciSshKeys');
  assert.equal(place('vm.spec-invalid', undefined, 'Choose --memory within that range.'), 'compute/memoryMiB');
  assert.equal(place('vm.spec-invalid', { field: 'runtimeDirectory' }, 'Use a shorter path.'), null);
  assert.equal(place('daemon.unreachable'), null);
  assert.equal(placeOfRefusal(new TypeError('x')), null);
});
