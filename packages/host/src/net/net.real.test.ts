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

for (const name of ['network', 'relay']) {
  test(`${name}: on real interfaces, in a network namespace, touching nothing outside`, { timeout: 120_000 }, async () => {
    const before = await hostNetwork();
    await runInNamespace(new URL(`./testing/${name}-cases.ts`, import.meta.url));
    assert.deepEqual(await hostNetwork(), before);
  });
}
