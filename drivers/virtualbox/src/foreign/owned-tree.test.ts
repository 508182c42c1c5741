import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { readTree, restoreOwners, seize } from './owned-tree.ts';

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
/** Somebody else's, where the test may give files away. */
const other = self.uid === 0 ? 65_534 : self.uid;

async function withFolder(work: (root: string, home: string) => Promise<void>): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'nko-'));
  const root = join(home, 'vm');
  await mkdir(join(root, 'Snapshots'), { recursive: true });
  for (const file of ['vm.vbox', 'Snapshots/a.vdi']) await writeFile(join(root, file), file, { mode: 0o640 });
  await chmod(root, 0o755);
  try {
    await work(root, home);
  } finally {
    await rm(home, { recursive: true });
  }
}

test('a tree is taken and given back, with what came into it meanwhile', () =>
  withFolder(async (root) => {
    const entries = (await readTree(root, self.uid)).map((entry) => ({ ...entry, uid: other, gid: other }));
    await seize(entries, root, self);
    assert.equal((await stat(root)).mode & 0o777, 0o700);
    await writeFile(join(root, 'Snapshots', 'new.vdi'), '');
    assert.deepEqual(await restoreOwners(entries, root, self), []);
    for (const [path, mode] of [
      ['', 0o755],
      ['vm.vbox', 0o640],
      ['Snapshots/new.vdi', null],
    ] as const) {
      const found = await stat(join(root, path));
      assert.equal(found.uid, other, path);
      if (mode !== null) assert.equal(found.mode & 0o777, mode, path);
    }
  }));

test("a folder that was put in the place of the VM's, or a link to one, gives nothing away", () =>
  withFolder(async (root, home) => {
    const entries = (await readTree(root, self.uid)).map((entry) => ({ ...entry, uid: other, gid: other }));
    const precious = join(home, 'precious');
    await mkdir(precious);
    await writeFile(join(precious, 'vm.vbox'), 'not theirs');
    await rename(root, join(home, 'away'));
    await symlink(precious, root);
    await assert.rejects(seize(entries, root, self), /is a symbolic link/u);
    assert.match((await restoreOwners(entries, root, self)).join(), /is a symbolic link/u);
    assert.equal((await stat(join(precious, 'vm.vbox'))).uid, self.uid);
    await rm(root);
    await rename(precious, root);
    await assert.rejects(seize(entries, root, self), /has changed/u);
  }));

test("a link in the tree, and somebody else's file, are found before anything is done", () =>
  withFolder(async (root) => {
    await assert.rejects(readTree(root, self.uid + 1), /belongs to another user/u);
    await symlink('/etc', join(root, 'etc'));
    await assert.rejects(readTree(root, self.uid), /etc is a symbolic link/u);
  }));
