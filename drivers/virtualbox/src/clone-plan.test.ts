import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';

import { defaultDisk, type MachineDisk, type MachineStatus } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { diskOrigins, nvramPath, sourceAccess } from './clone-plan.ts';
import { hardwareSupport } from './hardware.ts';
import { parseMachineMedia } from './machine-media.ts';
import { chainOf, foreignGrowth, grownFrom, mediumAt, topOf } from './media-tree.ts';
import type { KnownMedium } from './media-tree.ts';

const base = 'd9478dbb-32a4-40b0-8cde-2fd1b51c673b';
const present = '24920de4-bbcd-4152-bfc4-c0429f5e2834';
const cloneOwn = 'd4d5885b-b73d-4820-9b9d-e38fa51b6d6d';
const cloneTop = '154a005e-ae22-40bd-99c4-4fbe7ba52bd4';
const first = 'bd87d359-a7ab-4a3d-abe5-67a13083703a';
const file = parseMachineMedia(readFileSync(new URL('./fixtures/nakhoda-200.vbox', import.meta.url), 'utf8'));
const folder = '/tmp/vx/images/200/nakhoda-200';
const owner = { vmid: 200, uuid: 'u' };
const media = new Map(
  file.media.map(({ uuid, parentUuid, location }): [string, KnownMedium] => [
    uuid,
    { uuid, parentUuid, path: resolve(folder, location), owner },
  ]),
);
const disk = (slot: string, path: string): MachineDisk => ({
  slot,
  path,
  format: 'vdi',
  sizeBytes: 8 * 1024 * 1024,
  ...defaultDisk(hardwareSupport('interpreter')),
});

const hasCode =
  (code: string, text: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof NakhodaError);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };

test('a file tells its trees of images, with those of linked clones, and the disks of each state', () => {
  assert.deepEqual(
    file.media.map(({ uuid, parentUuid }) => [uuid, parentUuid]),
    [
      [base, null],
      [present, base],
      [cloneOwn, base],
      [cloneTop, cloneOwn],
    ],
  );
  assert.deepEqual(file.states, [
    { snapshot: null, disks: [present], nvram: null },
    { snapshot: first, disks: [base], nvram: null },
  ]);
  assert.deepEqual(parseMachineMedia('no XML'), { media: [], states: [] });
});

test('what grows from what', () => {
  const uuids = (images: readonly KnownMedium[]): string[] => images.map(({ uuid }) => uuid);
  assert.deepEqual(uuids(chainOf(media, cloneTop)), [cloneTop, cloneOwn, base]);
  assert.deepEqual(uuids(grownFrom(media, base)), [cloneTop, present, cloneOwn]);
  assert.equal(mediumAt(media, `${folder}/Snapshots/{${present}}.vdi`)?.uuid, present);
  assert.equal(topOf(media, '/tmp/vx/images/201/disk0.vdi')?.uuid, cloneTop);
  assert.equal(foreignGrowth(media, [base], '/tmp/vx/images/200')?.uuid, cloneTop);
  assert.equal(foreignGrowth(media, [present], '/tmp/vx/images/200'), undefined);
  // An adopted machine: its own images lie in a folder of its user's.
  assert.equal(foreignGrowth(media, [base], '/srv/nakhoda/images/7'), undefined);
  // A list that VirtualBox would not write must not hold us up.
  const a = { uuid: 'a', parentUuid: 'b', path: '/a', owner };
  const b = { uuid: 'b', parentUuid: 'a', path: '/b', owner };
  assert.deepEqual(
    uuids(
      chainOf(
        new Map([
          ['a', a],
          ['b', b],
        ]),
        'a',
      ),
    ),
    ['a', 'b'],
  );
});

test("a clone's disk comes from what the source had in the same slot then", () => {
  const directory = '/tmp/vx/images/200';
  const source = { directory, disks: [disk('disk0', `${directory}/disk0.vdi`), disk('disk1', `${directory}/disk1.vdi`)] };
  const wanted = disk('disk0', '/tmp/vx/images/300/disk0.vdi');
  for (const [state, expected] of [
    [file.states[0], [present, base]],
    [file.states[1], [base]],
  ] as const) {
    assert.ok(state);
    const origins = diskOrigins({ disks: [wanted], source, state, media, what: 'VM 200' });
    assert.deepEqual(
      origins.map(({ chain }) => chain.map(({ uuid }) => uuid)),
      [expected],
    );
    assert.deepEqual(diskOrigins({ disks: [wanted], source: { directory, disks: [] }, state, media, what: 'VM 200' }), origins);
    assert.throws(
      () => diskOrigins({ disks: [wanted, disk('disk1', '/x')], source, state, media, what: 'VM 200' }),
      hasCode('vm.wrong-state', /VM 200 has no disk in disk1/),
    );
  }
});

test('which sources can be read, and which have to be frozen first', () => {
  const status = (state: MachineStatus['state'], more: Partial<MachineStatus> = {}): MachineStatus => ({
    vmid: 200,
    uuid: 'u',
    state,
    ...more,
  });
  const full = { snapshot: null, linked: false };
  const linked = { snapshot: null, linked: true };
  for (const state of ['running', 'paused', 'stopped'] as const) {
    assert.equal(sourceAccess(status(state), { snapshot: 's', linked: true }), 'still');
    assert.equal(sourceAccess(status(state), full), state === 'stopped' ? 'still' : 'frozen');
  }
  assert.equal(sourceAccess(status('crashed'), full), 'still');
  assert.equal(sourceAccess(status('stopped', { suspended: true }), full), 'still');
  assert.equal(sourceAccess(status('stopped'), linked), 'still');
  assert.throws(() => sourceAccess(status('stopping', { pid: 1 }), full), hasCode('vm.wrong-state', /is stopping/));
  assert.throws(() => sourceAccess(status('stopped', { suspended: true }), linked), hasCode('vm.wrong-state', /is suspended/));
  for (const state of ['running', 'paused', 'crashed'] as const) {
    assert.throws(() => sourceAccess(status(state), linked), hasCode('vm.wrong-state', new RegExp(`is ${state}`)));
  }
});

test('the variables of UEFI lie where the state says, or under the usual name', () => {
  assert.equal(nvramPath(folder, { nvram: null }), `${folder}/nakhoda-200.nvram`);
  assert.equal(nvramPath(folder, { nvram: 'Snapshots/x.nvram' }), `${folder}/Snapshots/x.nvram`);
});
