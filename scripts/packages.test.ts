import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('packages.sh', import.meta.url));

test('every line of packages.list has a group, a package, a proof and a reason', async () => {
  const list = await readFile(new URL('packages.list', import.meta.url), 'utf8');
  const lines = list.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.ok(lines.length > 0);
  for (const line of lines) {
    assert.match(
      line,
      /^(node|test|base|optional|virtualbox-system|virtualbox-isolated) \| [a-z0-9.+-]+ \| (\/\S+|[\w-]+) \| \w[^|]+$/,
      line,
    );
  }
});

test('a system without apt is told what it lacks, why, and what to do', async (t) => {
  const bin = await mkdtemp(join(tmpdir(), 'nakhoda-test-'));
  t.after(() => rm(bin, { recursive: true }));
  for (const tool of ['dirname', 'mktemp', 'rm', 'cut', 'sort']) await symlink(`/usr/bin/${tool}`, join(bin, tool));
  const result = spawnSync('/bin/sh', [script, 'base'], { env: { PATH: bin }, encoding: 'utf8' });
  assert.equal(result.status, 1);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /^ {2}qemu-system-x86 +runs KVM\/QEMU guests$/m);
  assert.match(result.stderr, /no apt/);
  assert.match(result.stderr, /what to do: /);
});
