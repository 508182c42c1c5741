import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import type { Driver } from '@nakhoda/driver';
import { cacheFolder, exec, findVirtualBoxRuntime, virtualBoxPrograms, waitFor } from '@nakhoda/host';
import type { VirtualBoxRuntime } from '@nakhoda/host';

import { Account } from '../account.ts';
import type { HostFacts } from '../host-facts.ts';
import { createVirtualBoxDriver, programEnvironment } from '../virtualbox-driver.ts';
import { testAccount } from './test-account.ts';

/** A data folder of a test's own, with the real VirtualBox. */
export interface RealHost {
  folder: string;
  userHome: string;
  runtime: VirtualBoxRuntime | null;
  /** A fresh driver on the same data folder each time. */
  makeDriver(options?: { callTimeoutMs?: number; log?: (line: string) => void; hostFacts?: () => HostFacts; isolate?: boolean }): Driver;
  /** As whom VirtualBox's programs run, and the full command for one. */
  account: Account;
  programEnvironment(): Record<string, string>;
  /** Uses VirtualBox as somebody else would, behind the driver's back; gives standard output. */
  vboxManage(args: readonly string[]): Promise<string>;
  /** What is still there of its VMs, one line each, once VirtualBox's service has left. */
  leftovers(): Promise<string[]>;
  dispose(): Promise<void>;
}

export async function makeRealHost(): Promise<RealHost> {
  const folder = await mkdtemp(join(tmpdir(), 'nk-vb-'));
  const userHome = join(folder, 'virtualbox');
  const cache = cacheFolder(process.env);
  await mkdir(cache, { recursive: true });
  const runtime = await findVirtualBoxRuntime(process.env);
  const account = new Account({
    ...{ userHome, runtime: runtime ?? { kind: 'system', root: null, version: '' }, account: testAccount(folder) },
    ...{ binds: () => [folder, cache], adopted: () => [], env: programEnvironment(userHome) },
  });
  return {
    folder,
    userHome,
    runtime,
    makeDriver: ({ isolate = true, ...options } = {}) =>
      createVirtualBoxDriver({
        ...{ userHome, folders: [folder, cache], runtime, ...(isolate ? { account: testAccount(folder) } : {}) },
        log: (line) => console.log(`driver: ${line}`),
        ...options,
      }),
    account,
    programEnvironment: () => programEnvironment(userHome),
    vboxManage: async (args) =>
      (await exec(await account.command(`${virtualBoxPrograms}/VBoxManage`, args), { env: programEnvironment(userHome) })).stdout,
    async leftovers() {
      // It leaves 5 s after its last client.
      await waitFor(async () => (await processesOf(userHome)).length === 0, { timeoutMs: 20_000, pollMs: 200 });
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
      const registry = await readFile(join(userHome, 'VirtualBox.xml'), 'utf8').catch(() => '');
      return [
        ...(await processesOf(userHome)).map(({ commandLine }) => commandLine),
        ...(registry.match(/<(MachineEntry|HardDisk|Image) [^>]*>/g) ?? []),
        ...files.filter((file) => !file.startsWith('virtualbox/')),
      ];
    },
    async dispose() {
      await rm(folder, { recursive: true });
      const socketId = programEnvironment(userHome)['VBOX_IPC_SOCKETID'] ?? '';
      await rm(join(tmpdir(), `.vbox-${socketId}-ipc`), { recursive: true, force: true });
    },
  };
}

/** All processes that were started for this registry, by whomever. */
export async function processesOf(userHome: string): Promise<{ pid: number; commandLine: string }[]> {
  const found: { pid: number; commandLine: string }[] = [];
  for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`VBOX_USER_HOME=${userHome}`)) continue;
    const commandLine = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
    if (commandLine !== '') found.push({ pid: Number(name), commandLine });
  }
  return found;
}
