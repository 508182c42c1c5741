import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { namedQemu } from './named-qemu.ts';

test('another QEMU is named by its folder, and one that is not there is refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const link = join(folder, 'current');
  await mkdir(join(folder, 'ten/bin'), { recursive: true });
  await symlink('ten', link);
  assert.deepEqual(await namedQemu({}), {});
  await assert.rejects(namedQemu({ NAKHODA_QEMU: link }), { code: 'request.invalid', message: /bin\/qemu-system-x86_64/ });
  await assert.rejects(namedQemu({ NAKHODA_QEMU: 'ten' }), { code: 'request.invalid' });
  for (const name of ['qemu-system-x86_64', 'qemu-img']) await writeFile(join(folder, 'ten/bin', name), '');
  // What a run has on record must not change its meaning when the link does.
  const real = join(folder, 'ten');
  assert.deepEqual(await namedQemu({ NAKHODA_QEMU: link }), {
    programs: { system: join(real, 'bin/qemu-system-x86_64'), image: join(real, 'bin/qemu-img') },
    programFolders: [real],
  });
});
