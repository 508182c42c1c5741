import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { exec } from '@nakhoda/host';
import { checkSaga } from '@nakhoda/tasks/testing';

import { planNewImport } from '../services/imports.ts';
import { openTestCore } from '../testing/test-core.ts';
import { vmImportSaga } from './vm-import.ts';

test('vm.import survives every fault, with real images', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nki-'));
  const source = join(folder, 'web.vmdk');
  try {
    await exec(['qemu-img', 'create', '-q', '-f', 'vmdk', source, '8M']);
    const played = await checkSaga({
      async makeWorld() {
        const core = await openTestCore();
        const plan = await planNewImport(core.services, { source, hypervisor: 'fake' });
        return {
          kind: vmImportSaga(core.services),
          input: { ...plan, start: true },
          snapshotWorld: async () => ({
            records: core.services.inventory.records().map(({ spec }) => spec.name),
            states: core.services.inventory.records().map(({ spec }) => core.services.inventory.state(spec.vmid)),
            files: await core.imageFiles(),
          }),
          close: () => core[Symbol.asyncDispose](),
        };
      },
    });
    assert.ok(played.length > 10, played.join(', '));
  } finally {
    await rm(folder, { recursive: true });
  }
});
