import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plainCloudInit } from '@nakhoda/schema';

import { cloudInitFilePattern, cloudInitImage } from './cloud-init-image.ts';

const machine = { name: 'web', uuid: '11111111-2222-4333-8444-555555555555', nics: [{ slot: 'net0', mac: '52:54:00:12:34:56' }] };

/** The instance id as it stands in the image. */
function instanceOf(image: { data: Buffer }): string {
  return /instance-id: "([^"]*)"/.exec(image.data.toString('latin1'))?.[1] ?? '';
}

test('the same VM and data give the same file; a change or a clone is another instance', () => {
  const first = cloudInitImage(plainCloudInit, machine);
  const again = cloudInitImage({ ...plainCloudInit }, { ...machine });
  assert.equal(first.fileName, again.fileName);
  assert.ok(first.data.equals(again.data));
  assert.match(first.fileName, cloudInitFilePattern);
  const others = [
    cloudInitImage({ ...plainCloudInit, user: 'budi' }, machine),
    cloudInitImage(plainCloudInit, { ...machine, uuid: '99999999-2222-4333-8444-555555555555' }),
    cloudInitImage(plainCloudInit, { ...machine, name: 'db' }),
    cloudInitImage(plainCloudInit, { ...machine, nics: [] }),
  ];
  assert.equal(new Set([first, ...others].map(instanceOf)).size, 5);
  assert.equal(new Set([first, ...others].map(({ fileName }) => fileName)).size, 5);
});
