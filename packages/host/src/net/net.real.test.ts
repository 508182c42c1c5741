import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exec } from '../exec.ts';
import { runInNamespace } from './testing/namespace.ts';

/** Everything about the host's network that these tests could have touched. */
async function hostNetwork(): Promise<{ links: string; rules: string }> {
  const links = await exec(['ip', '-j', 'link']);
  const rules = await exec(['nft', '-j', 'list', 'ruleset']);
  return { links: links.stdout, rules: rules.stdout };
}

const files = {
  network: new URL('./testing/network-cases.ts', import.meta.url),
  relay: new URL('./testing/relay-cases.ts', import.meta.url),
};

for (const [name, file] of Object.entries(files)) {
  test(`${name}: on real interfaces, in a network namespace, touching nothing outside`, { timeout: 120_000 }, async () => {
    const before = await hostNetwork();
    await runInNamespace(file);
    assert.deepEqual(await hostNetwork(), before);
  });
}
