import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plainCloudInit } from '@nakhoda/schema';

import { planCloudInitSettings, shownCloudInit, withoutCloudInit } from './cloud-init-settings.ts';

const present = { ...plainCloudInit, user: 'budi', passwordHash: '$6$old$hash1234', sshKeys: ['a'] };

test('a request that says nothing of it changes nothing', () => {
  assert.equal(planCloudInitSettings(null, {}, null), null);
  assert.deepEqual(planCloudInitSettings(present, {}, null), present);
});

test('any field gives the VM the drive, and takes what is not named from before', () => {
  assert.deepEqual(planCloudInitSettings(null, { ciDrive: true }, null), plainCloudInit);
  assert.deepEqual(planCloudInitSettings(null, { ciUser: 'siti' }, null), { ...plainCloudInit, user: 'siti' });
  assert.deepEqual(planCloudInitSettings(present, { ciHostname: 'web' }, null), { ...present, hostname: 'web' });
  assert.deepEqual(planCloudInitSettings(present, { ciSshKeys: [] }, null)?.sshKeys, []);
  assert.equal(planCloudInitSettings(present, { ciUser: '' }, null)?.user, null);
  assert.equal(planCloudInitSettings(present, { ciDrive: false, ciUser: 'x' }, null), null);
});

test('a password is kept as its hash, and shown as nothing', () => {
  const hashed = planCloudInitSettings(present, { ciPassword: 'rahasia' }, '$6$new$hash5678');
  assert.equal(hashed?.passwordHash, '$6$new$hash5678');
  assert.equal(planCloudInitSettings(present, { ciPassword: '' }, null)?.passwordHash, null);
  assert.equal(planCloudInitSettings(present, { ciPasswordHash: '$6$its$own12345' }, null)?.passwordHash, '$6$its$own12345');
  assert.equal(JSON.stringify(shownCloudInit(present)).includes('$6$'), false);
  assert.equal(shownCloudInit(present)?.hasPassword, true);
});

test('the rest of a request is what has no such name', () => {
  assert.deepEqual(withoutCloudInit({ ciUser: 'x', ciDrive: true }), {});
});
