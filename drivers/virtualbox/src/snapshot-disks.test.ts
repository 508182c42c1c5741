import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { KnownMedium } from './media-tree.ts';
import { disksOfSnapshots } from './snapshot-disks.ts';

const medium = (uuid: string, parentUuid: string | null, path: string): [string, KnownMedium] => [
  uuid,
  { uuid, parentUuid, path, owner: { vmid: 100, uuid: 'm' } },
];
const media = new Map([
  medium('base0', null, '/i/100/disk0.vdi'),
  medium('over0', 'base0', '/i/100/nakhoda-100/Snapshots/{over0}.vdi'),
  medium('base1', null, '/i/100/disk1.vdi'),
]);
const [disk0, disk1] = ['disk0', 'disk1'].map((slot) => ({ slot, path: `/i/100/${slot}.vdi` }));

test('a snapshot has the disks whose images are in its drives, or below them', () => {
  const states = [
    { snapshot: null, disks: ['over0', 'base1'], nvram: null },
    { snapshot: 'first', disks: ['base0'], nvram: null },
    { snapshot: 'second', disks: ['over0', 'unknown'], nvram: null },
  ];
  const found = disksOfSnapshots(states, media, [disk0!, disk1!]);
  assert.deepEqual(
    [...found],
    [
      ['first', [disk0]],
      ['second', [disk0]],
    ],
  );
});
