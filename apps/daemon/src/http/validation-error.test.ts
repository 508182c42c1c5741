import assert from 'node:assert/strict';
import { test } from 'node:test';

import { quoteValue, validationError, type ValidationFault } from './validation-error.ts';

const memory = { type: 'integer', minimum: 16, maximum: 1024, description: 'MiB of memory' };
const name = { type: 'string', pattern: '^[a-z]+$', description: 'small letters' };
const body = { type: 'object', properties: { memory, name } };

const cases: [fault: ValidationFault, message: string, hint: string][] = [
  [
    { keyword: 'minimum', instancePath: '/memory', params: { limit: 16 }, data: 0, parentSchema: memory },
    'The field "memory" is 0, which is too small.',
    'Give memory as: integer from 16 to 1024: MiB of memory.',
  ],
  [
    { keyword: 'type', instancePath: '/memory', params: { type: 'integer' }, data: '16', parentSchema: memory },
    'The field "memory" is "16", which is not of type integer.',
    'Give memory as: integer from 16 to 1024: MiB of memory.',
  ],
  [
    { keyword: 'pattern', instancePath: '/disks/0/na~1me', params: {}, data: 'A\nB', parentSchema: name },
    'The field "disks.0.na/me" is "A\\nB", which is not allowed.',
    'Give disks.0.na/me as: small letters.',
  ],
  [
    { keyword: 'required', instancePath: '', params: { missingProperty: 'name' }, data: {}, parentSchema: body },
    'The field "name" is missing.',
    'Add name: small letters.',
  ],
  [
    { keyword: 'additionalProperties', instancePath: '', params: { additionalProperty: 'args' }, data: {}, parentSchema: body },
    'There is no field "args" here.',
    'Leave it out; the fields are memory, name.',
  ],
  [
    { keyword: 'type', instancePath: '', params: { type: 'object' }, data: [], parentSchema: body },
    'The body is [], which is not an object.',
    'Send a JSON object.',
  ],
];
for (const [fault, message, hint] of cases) {
  test(message, () => {
    const error = validationError([fault], 'body');
    assert.deepEqual({ code: error.code, message: error.message, hint: error.hint }, { code: 'request.invalid', message, hint });
  });
}

test('values are quoted on one line, and cut', () => {
  assert.equal(quoteValue('a\n"b"'), '"a\\n\\"b\\""');
  assert.equal(quoteValue('x'.repeat(100)), `"${'x'.repeat(59)}… (102 characters)`);
  assert.equal(quoteValue(undefined), 'nothing');
});
