import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { KnownMedium } from './media-tree.ts';
import { orphansBelow } from './orphan-media.ts';

const source = { vmid: 100, uuid: 'source' };
const clone = { vmid: 101, folder: '/data/images/101/nakhoda-101' };
const own = (uuid: string, parentUuid: string | null): KnownMedium => ({
  ...{ uuid, parentUuid, owner: source },
  path: `${clone.folder}/Snapshots/{${uuid}}.vdi`,
});
const tree = (...media: KnownMedium[]): Map<string, KnownMedium> => new Map(media.map((medium) => [medium.uuid, medium]));
const disk = { ...own('disk', 'base'), path: '/data/images/101/disk0.vdi' };
const base: KnownMedium = { uuid: 'base', parentUuid: null, path: '/data/images/100/disk0.vdi', owner: source };
const now = (...disks: string[]) => ({ snapshot: null, disks, nvram: null });

test('what grows from an image in the drive of a linked clone, and nothing has, was left by a snapshot', () => {
  const media = tree(base, disk, own('top', 'disk'), own('left', 'top'));
  assert.deepEqual(
    orphansBelow(media, clone, [now('top')]).map(({ uuid }) => uuid),
    ['left'],
  );
  // The snapshot was taken after all.
  assert.deepEqual(orphansBelow(media, clone, [now('left'), { ...now('top'), snapshot: 's' }]), []);
  // Of the VM's own list `parseMachine` tells them.
  const listed = tree(...[...media.values()].map((medium) => ({ ...medium, owner: { vmid: 101, uuid: 'clone' } })));
  assert.deepEqual(orphansBelow(listed, clone, [now('top')]), []);
});

test('no other image is taken for one', () => {
  // A disk that is in no drive for now; a clone's of the clone; a machine whose file tells nothing.
  assert.deepEqual(orphansBelow(tree(base, disk, own('top', 'disk')), clone, [now()]), []);
  const further = { ...own('further', 'top'), path: '/data/images/102/disk0.vdi' };
  assert.deepEqual(orphansBelow(tree(base, disk, own('top', 'disk'), further), clone, [now('top')]), []);
  assert.deepEqual(orphansBelow(tree(base, disk, own('top', 'disk'), own('left', 'top')), clone, []), []);
  // Something grows from it.
  const grown = tree(base, disk, own('top', 'disk'), own('left', 'top'), { ...further, parentUuid: 'left' });
  assert.deepEqual(orphansBelow(grown, clone, [now('top')]), []);
});
