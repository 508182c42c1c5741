import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { createVirtualBoxDriver } from '@nakhoda/driver-virtualbox';
import { exec, findVirtualBoxRuntime, runtimeArgv, virtualBoxPrograms } from '@nakhoda/host';
import { checkSaga } from '@nakhoda/tasks/testing';

import { programEnvironment } from '../../../../drivers/virtualbox/src/virtualbox-driver.ts';
import { type ForeignUserHost, makeForeignUser, makeForeignVms } from '../../../../test/support/foreign-virtualbox.ts';
import { endProcessesOf } from '../../../../test/support/processes-of.ts';
import { type AdoptionInput, foreignFacet, planNewAdoption } from '../services/adoptions.ts';
import type { Services } from '../services/context.ts';
import { addForeignUser } from '../services/foreign-users.ts';
import { quietContext } from '../services/hypervisors.ts';
import { toMachineSpec } from '../services/vm-record.ts';
import { openTestCore } from '../testing/test-core.ts';
import { vmAdoptSaga } from './vm-adopt.ts';

let foreign: ForeignUserHost;
let home: string;

before(async () => {
  foreign = await makeForeignUser();
  home = await mkdtemp(join(tmpdir(), 'nkv-'));
  await makeForeignVms(foreign);
  await foreign.settle();
});
after(async () => {
  await endProcessesOf(home);
  await foreign.dispose();
  await rm(home, { recursive: true, force: true });
});

test('vm.adopt survives every fault, with real VirtualBox: everything of the user is as before, or adopted', async () => {
  const runtime = await findVirtualBoxRuntime(process.env);
  const untouched = await foreign.tree();
  let planned: AdoptionInput | undefined;
  // The same for every world, for the user's VM is.
  const plan = async (services: Services): Promise<AdoptionInput> => {
    if (planned) return planned;
    await addForeignUser(services.store, { user: foreign.user, settings: foreign.settings });
    planned = await planNewAdoption(services, { machine: `${foreign.user}/web server` });
    return planned;
  };
  const played = await checkSaga({
    // Now and then a call of VBoxManage, `list vms` too, waits 10 s for VirtualBox's own messages before it goes on (7.2.22).
    timeoutMs: 40_000,
    async makeWorld() {
      assert.deepEqual(await foreign.tree(), untouched);
      // One service all the time: it does not see the user's folder by itself.
      if (runtime)
        await exec(runtimeArgv(runtime, { binds: [home] }, [`${virtualBoxPrograms}/VBoxManage`, 'list', 'vms']), {
          env: programEnvironment(join(home, 'virtualbox')),
        });
      const drivers = (): [ReturnType<typeof createVirtualBoxDriver>] => [
        createVirtualBoxDriver({ userHome: join(home, 'virtualbox'), folders: [home], runtime, log: () => undefined }),
      ];
      const core = await openTestCore({ drivers });
      const { services } = core;
      const input = await plan(services);
      return {
        kind: vmAdoptSaga(services),
        input,
        snapshotWorld: async () => ({
          records: services.inventory.records().map(({ spec: { createdAt: _when, ...spec } }) => spec),
          states: services.inventory.records().map(({ spec }) => services.inventory.state(spec.vmid)),
          files: await core.imageFiles(),
          registered: (await readFile(join(home, 'virtualbox', 'VirtualBox.xml'), 'utf8').catch(() => '')).match(
            /<MachineEntry [^>]*uuid="[^"]*"/gu,
          ),
          foreign: await foreign.tree(),
        }),
        async close() {
          const ctx = quietContext(() => undefined);
          const spec = toMachineSpec(input.record, services.config.folders);
          await foreignFacet(services).forget(ctx, { spec });
          await foreignFacet(services).giveBack(ctx, { directory: spec.directory });
          await core[Symbol.asyncDispose]();
        },
      };
    },
  });
  assert.ok(played.length > 20, played.join(', '));
});
