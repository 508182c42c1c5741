import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { testContext } from '@nakhoda/driver/contract';
import { waitFor, fileExists } from '@nakhoda/host';

import { parseMachineMedia } from './machine-media.ts';
import { machineFilePath } from './register.ts';
import { CloneBench, filesBelow, history } from './testing/clone-bench.ts';

// Daemons that are killed while they clone a VM that runs; nothing boots in it.
const ctx = testContext();
const bench = new CloneBench();

before(() => bench.begin());
after(() => bench.end());

test('a daemon that is killed while it clones leaves nothing that the next one does not clear up', { timeout: 120_000 }, async (t) => {
  const source = await bench.withSource(t);
  if (!source) return;
  await bench.withHistory(source);
  const { vmid } = source;
  const tree = await bench.driver.snapshots?.list(ctx, { vmid });
  await bench.driver.start(ctx, { vmid });
  const spec = await bench.newSpec();
  const journal = join(bench.host.userHome, 'clones', `${spec.vmid}.json`);
  const hidden = async (): Promise<boolean> => (await bench.settings(source)).includes('.nakhoda-');
  const moments: [string, { snapshot: string | null; linked: boolean }, () => Promise<boolean>][] = [
    ['before the snapshot for copying', { snapshot: null, linked: false }, () => fileExists(journal)],
    ['after it', { snapshot: null, linked: false }, hidden],
    ['while a linked clone is registered', { snapshot: 'first', linked: true }, () => fileExists(machineFilePath(spec))],
  ];
  for (const [moment, options, reached] of moments) {
    await writeFile(join(bench.host.folder, 'clone.json'), JSON.stringify({ source: vmid, spec, ...options }));
    const daemon = spawn(process.execPath, [fileURLToPath(new URL('testing/clone-machine.ts', import.meta.url)), bench.host.folder], {
      stdio: 'ignore',
    });
    const ended = once(daemon, 'exit');
    assert.ok(await waitFor(reached, { timeoutMs: 20_000, pollMs: 1 }), moment);
    daemon.kill('SIGKILL');
    await ended;
    await bench.driver.close();
    bench.driver = bench.host.makeDriver();
    // What it does first is waiting for what was left to be cleared up.
    await bench.driver.undefine(ctx, { vmid: spec.vmid });
    assert.deepEqual(await bench.driver.snapshots?.list(ctx, { vmid }), tree, moment);
    assert.equal(await hidden(), false, moment);
    assert.deepEqual([...(await filesBelow(spec.directory)), ...(await filesBelow(dirname(journal)))], [], moment);
    assert.equal((await bench.driver.inspect(ctx, { vmid }))?.state, 'running', moment);
    const { media } = parseMachineMedia(await bench.settings(source));
    assert.deepEqual(
      media.filter(({ location }) => location.includes(`/${spec.vmid}/`)),
      [],
      moment,
    );
  }
  await rm(join(bench.host.folder, 'clone.json'));
  // And the same clone can be made then, of the VM that runs.
  await bench.driver.clone?.(ctx, { source: vmid, spec, snapshot: null, linked: false });
  await bench.driver.define(ctx, { spec });
  assert.deepEqual(await bench.blocks(await bench.inDrive(spec)), history.now);
  assert.equal(await hidden(), false);
  assert.equal((await bench.driver.inspect(ctx, { vmid }))?.state, 'running');
});
