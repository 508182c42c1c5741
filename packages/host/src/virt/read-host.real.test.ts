import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exec } from '../exec.ts';
import { checkHost } from './check-host.ts';
import { dropsForwarded, parseAccelerators, parseCpuinfo } from './read-host.ts';

test('reads what the tools really print', async () => {
  const { stdout } = await exec(['qemu-system-x86_64', '-accel', 'help']);
  const accelerators = parseAccelerators(stdout);
  assert.ok(accelerators.includes('tcg') && accelerators.includes('kvm'), stdout);
  const { model, flags } = parseCpuinfo((await exec(['cat', '/proc/cpuinfo'])).stdout);
  assert.notEqual(model, '');
  assert.ok(flags.has('lm'));
  const rules = 'table ip t { chain f { type filter hook forward priority 0; policy POLICY; }; }';
  for (const policy of ['drop', 'accept']) {
    const script = `printf '%s' "$1" | nft -f - && nft -j list chains`;
    const { stdout: chains } = await exec(['unshare', '--net', '--', 'sh', '-c', script, 'sh', rules.replace('POLICY', policy)]);
    assert.equal(dropsForwarded(chains), policy === 'drop');
  }
});

test('the check tells of this host and leaves it as it was', async () => {
  const state = async (): Promise<string> =>
    (await exec(['ip', '-j', 'link'])).stdout + (await exec(['nft', '-j', 'list', 'ruleset'])).stdout;
  const before = await state();
  const facts = await checkHost({ hypervisors: [] });
  assert.equal(await state(), before);
  assert.equal(new Set(facts.map(({ id }) => id)).size, facts.length);
  for (const { id, status, reason, remedy } of facts) {
    assert.notEqual(reason, '', id);
    if (status === 'missing') assert.ok(remedy, id);
  }
  for (const id of ['cpu', 'cpu-virtualization', 'memory', 'load', 'kernel', 'kvm', 'bridging'])
    assert.ok(
      facts.some((fact) => fact.id === id),
      id,
    );
});
