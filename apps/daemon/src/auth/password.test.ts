import assert from 'node:assert/strict';
import { test } from 'node:test';

import { hashPassword, newPassword, verifyPassword } from './password.ts';

test('a hash fits its own password alone, and is new each time', async () => {
  const hash = await hashPassword('correct horse');
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/u);
  assert.notEqual(await hashPassword('correct horse'), hash);
  assert.equal(await verifyPassword('correct horse', hash), true);
  assert.equal(await verifyPassword('correct horsf', hash), false);
  assert.equal(await verifyPassword('', hash), false);
});

test('something that is no hash of ours fits nothing', async () => {
  for (const hash of ['', 'plain', '$argon2i$v=19$m=8,t=1,p=1$AAAA$AAAA', '$argon2id$v=19$m=19456,t=2,p=1$$']) {
    assert.equal(await verifyPassword('plain', hash), false, hash);
  }
});

test('generated passwords are readable and differ', () => {
  const made = Array.from({ length: 50 }, newPassword);
  assert.equal(new Set(made).size, 50);
  for (const password of made) assert.match(password, /^([2-9a-km-np-z]{5}-){3}[2-9a-km-np-z]{5}$/u);
});
