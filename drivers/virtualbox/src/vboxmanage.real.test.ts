import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isRequired } from '@nakhoda/driver/contract';
import { virtualBoxPrograms } from '@nakhoda/host';

import { makeRealHost } from './testing/real-host.ts';
import { VBoxManage } from './vboxmanage.ts';

const calls = 200;
const atOnce = 4;

test('no call of many at a time waits for a VBoxManage that does not end', { timeout: 120_000 }, async (t) => {
  const host = await makeRealHost();
  t.after(() => host.dispose());
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return;
  }
  const vbox = new VBoxManage({
    command: (args) => host.account.command(`${virtualBoxPrograms}/VBoxManage`, args),
    env: host.programEnvironment(),
  });
  await vbox.run(['list', 'vms'], { lanes: [] });
  const queue = Array.from({ length: calls }, (_, index) => index).values();
  const times: number[] = [];
  const work = async (): Promise<void> => {
    for (const _ of queue) {
      const since = performance.now();
      // One or two in a hundred sleep for 10 s after their work (see `isLeaving`).
      assert.match(await vbox.run(['list', 'extpacks'], { lanes: [], asks: true }), /^Extension Packs: \d+/u);
      times.push(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const longest = Math.max(...times);
  t.diagnostic(`the longest of ${calls} calls took ${Math.round(longest)} ms`);
  assert.ok(longest < 9_000, `the longest took ${longest} ms`);
  assert.deepEqual(await host.leftovers(), []);
});
