import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultOf } from './vnc-servers.ts';

const everybody = `[${'0'.repeat(32)}]:5900`;
const cases: [string, readonly string[] | null, readonly string[] | null, RegExp][] = [
  ['on its port of loopback alone', [], ['127.0.0.1:30001'], /^$/u],
  ['what the VM listened on before is left alone', ['0.0.0.0:2222'], ['0.0.0.0:2222', '127.0.0.1:30001'], /^$/u],
  ['open for everybody', [], ['127.0.0.1:30001', everybody], /listens on \[0+\]:5900, too/u],
  ['on another port', [], ['127.0.0.1:5900'], /listens on 127\.0\.0\.1:5900, too/u],
  ['nowhere', [], [], /does not listen on 127\.0\.0\.1:30001/u],
  ['it cannot be seen', null, ['127.0.0.1:30001'], /cannot be seen/u],
  ['it cannot be seen any more', [], null, /cannot be seen/u],
];
for (const [title, before, now, expected] of cases) test(title, () => assert.match(faultOf(before, now, 30_001), expected));
