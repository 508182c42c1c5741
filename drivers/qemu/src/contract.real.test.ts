import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { findTinyIso, processArgv } from '@nakhoda/host';
import { type ContractHarness, driverContract, isRequired, machineSpec } from '@nakhoda/driver/contract';
import assert from 'node:assert/strict';

import { createQemuDriver } from './driver.ts';

/** Real QEMU, by translation: the suite needs no network, and KVM is proven elsewhere. */
async function makeHarness(): Promise<ContractHarness> {
  // Not tmpdir(): its path may be too long for a socket.
  const folder = await mkdtemp('/tmp/nk-qemu-');
  const imagesDirectory = join(folder, 'images');
  const runDirectory = join(folder, 'run');
  for (const path of [imagesDirectory, runDirectory]) await mkdir(path);
  const cdrom = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
  assert.ok(cdrom !== null, 'There is no tiny guest: run `./nakhoda setup guest`, or name its ISO in NAKHODA_TINY_ISO.');
  let vmid = 9000;

  const processes = async (): Promise<{ pid: number; argv: string[] }[]> => {
    const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
    return pids
      .map((pid) => ({ pid, argv: processArgv(pid) ?? [] }))
      .filter(({ argv }) => argv.some((argument) => argument.includes(`${runDirectory}/`)));
  };

  return {
    makeDriver: () =>
      createQemuDriver({
        imagesDirectory,
        runDirectory,
        probeKvm: () => Promise.resolve({ ok: false, reason: 'The test does without it.' }),
      }),
    spec: (overrides = {}) => machineSpec({ folder, vmid: (vmid += 1), diskFormat: 'qcow2', cdrom, overrides }),
    async killMachine(id) {
      const found = (await processes()).filter(({ argv }) => argv.some((argument) => argument.includes(`${runDirectory}/${id}/`)));
      assert.equal(found.length, 1, `VM ${id} has ${found.length} processes`);
      for (const { pid } of found) process.kill(pid, 'SIGKILL');
    },
    async leftovers() {
      const files = await readdir(folder, { recursive: true, withFileTypes: true });
      return [
        ...files.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)),
        ...(await processes()).map(({ pid, argv }) => `process ${pid}: ${argv.join(' ')}`),
      ];
    },
    async dispose() {
      for (const { pid } of await processes()) process.kill(pid, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

driverContract({ name: 'qemu', required: isRequired('qemu'), makeHarness });
