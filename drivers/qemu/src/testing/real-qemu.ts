import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Driver } from '@nakhoda/driver';
import { type ContractHarness, machineSpec, testContext } from '@nakhoda/driver/contract';
import { findTinyIso, processArgv } from '@nakhoda/host';

import { createQemuDriver } from '../driver.ts';
import type { QemuDriverOptions } from '../driver-options.ts';
import { usualHardware } from './usual-hardware.ts';

export interface RealQemu extends ContractHarness, AsyncDisposable {
  readonly folder: string;
  /** As the harness's, with other options for this one. */
  makeDriver(changes?: Partial<QemuDriverOptions>): Promise<Driver> | Driver;
  /** Process ids of the VM's QEMUs. */
  pids(vmid: number): Promise<number[]>;
}

/** Folders of their own for VMs on the real QEMU. By translation: KVM is proven elsewhere, and the suite needs none. */
export async function makeRealQemu(options: Partial<QemuDriverOptions> = {}): Promise<RealQemu> {
  // Not tmpdir(), whose path may be too long for a socket.
  const folder = await mkdtemp('/tmp/nk-qemu-');
  const imagesDirectory = join(folder, 'images');
  const runDirectory = join(folder, 'run');
  for (const path of [imagesDirectory, runDirectory]) await mkdir(path);
  const cdrom = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
  assert.ok(cdrom !== null, 'There is no tiny guest: run `./nakhoda setup guest`, or name its ISO in NAKHODA_TINY_ISO.');
  let vmid = 9000;

  /** Processes with a path below the given one on their command lines. */
  const processes = async (path: string): Promise<{ pid: number; argv: string[] }[]> => {
    const pids = (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry)).map(Number);
    return pids
      .map((pid) => ({ pid, argv: processArgv(pid) ?? [] }))
      .filter(({ argv }) => argv.some((argument) => argument.includes(`${path}/`)));
  };
  const pids = async (id: number): Promise<number[]> =>
    (await processes(join(runDirectory, String(id)))).filter(({ argv }) => argv[0]?.includes('qemu-system')).map(({ pid }) => pid);
  const dispose = async (): Promise<void> => {
    for (const { pid } of await processes(folder)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true });
  };

  return {
    folder,
    pids,
    dispose,
    // The tiny guest's kernel knows no memory that comes: memory-hotplug.real.test.ts tries it with another.
    takesMemory: false,
    [Symbol.asyncDispose]: dispose,
    makeDriver: (changes = {}) =>
      createQemuDriver({
        imagesDirectory,
        runDirectory,
        probeKvm: () => Promise.resolve({ ok: false, reason: 'The test does without it.' }),
        ...options,
        ...changes,
      }),
    spec: (overrides = {}) => machineSpec({ folder, vmid: (vmid += 1), diskFormat: 'qcow2', hardware: usualHardware, cdrom, overrides }),
    async killMachine(id) {
      const found = await pids(id);
      assert.equal(found.length, 1, `VM ${id} has ${found.length} processes`);
      for (const pid of found) process.kill(pid, 'SIGKILL');
    },
    async panicGuest(driver, id) {
      // Out of memory, which it is told to take for its end.
      const argv = ['sh', '-c', 'echo 2 > /proc/sys/vm/panic_on_oom; (tail /dev/zero </dev/null >/dev/null 2>&1 &)'];
      const ctx = testContext();
      await driver.guest?.exec(ctx, { vmid: id, argv, timeoutSeconds: 20, onStdout: () => undefined, onStderr: () => undefined });
    },
    async leftovers() {
      const files = await readdir(folder, { recursive: true, withFileTypes: true });
      return [
        ...files.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)),
        ...(await processes(folder)).map(({ pid, argv }) => `process ${pid}: ${argv.join(' ')}`),
      ];
    },
  };
}
