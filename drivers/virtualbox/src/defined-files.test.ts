import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { machineSpec } from '@nakhoda/driver/contract';

import { DefinedFiles } from './defined-files.ts';
import { hardwareSupport } from './hardware.ts';
import { machineFilePath } from './register.ts';

test('a machine is as it was made until its spec, its file or its disks are other ones', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-df-'));
  t.after(() => rm(folder, { recursive: true }));
  const spec = await machineSpec({ folder, vmid: 100, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: null });
  const file = machineFilePath(spec);
  const make = async (): Promise<void> => {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `<VirtualBox/>`);
    for (const { path } of spec.disks) await writeFile(path, '');
  };
  const files = new DefinedFiles();
  assert.equal(await files.hold(spec), false);
  // One whose file is not where it should be is never taken for one that needs nothing.
  await files.note(spec);
  assert.equal(await files.hold(spec), false);

  await make();
  await files.note(spec);
  assert.equal(await files.hold(structuredClone(spec)), true);
  assert.equal(await files.hold({ ...spec, memoryMiB: spec.memoryMiB + 1 }), false);
  assert.equal(await files.hold(spec), true);

  await rm(spec.disks[0]?.path ?? '');
  assert.equal(await files.hold(spec), false);
  await make();
  await files.note(spec);
  await writeFile(file, '<VirtualBox></VirtualBox>');
  assert.equal(await files.hold(spec), false);
});
