import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { openWriter } from './open-writers.ts';
import { readTree } from './owned-tree.ts';

const program = `require('node:fs').openSync(process.argv[1], process.argv[2]); console.log('open'); process.stdin.resume();`;

test('a program that can write to a file is found, one that reads it is not', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nkw-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'web.vmdk');
  await writeFile(path, 'x');
  const entries = await readTree(folder, process.getuid?.() ?? 0);
  assert.equal(await openWriter(entries), null);
  for (const flags of ['r', 'r+', 'a']) {
    const child = spawn(process.execPath, ['-e', program, path, flags], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => child.kill());
    await once(child.stdout, 'data');
    const found = await openWriter(entries);
    assert.deepEqual(found && [found.pid, found.path], flags === 'r' ? null : [child.pid, path], flags);
    child.stdin.end();
    await once(child, 'exit');
  }
});
