import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

import { driverContract, isRequired, machineSpec } from '@nakhoda/driver/contract';
import { cacheFolder, findTinyIso, findVirtualBoxRuntime, waitFor } from '@nakhoda/host';

import { readRunFile } from './run-record.ts';
import { createVirtualBoxDriver, programEnvironment } from './virtualbox-driver.ts';

driverContract({
  name: 'virtualbox',
  required: isRequired('virtualbox'),
  async makeHarness() {
    const folder = await mkdtemp(join(tmpdir(), 'nk-vb-'));
    const userHome = join(folder, 'virtualbox');
    const cache = cacheFolder(process.env);
    await mkdir(cache, { recursive: true });
    const runtime = await findVirtualBoxRuntime(process.env);
    const cdrom = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
    let nextVmid = 100;
    return {
      makeDriver: () =>
        createVirtualBoxDriver({ userHome, folders: [folder, cache], runtime, log: (line) => console.log(`driver: ${line}`) }),
      spec: (overrides = {}) => machineSpec({ folder, vmid: nextVmid++, diskFormat: 'vdi', cdrom, overrides }),
      async killMachine(vmid) {
        const file = await readRunFile(join(folder, 'run', String(vmid)));
        if (file !== null && 'run' in file) process.kill(file.run.process.pid, 'SIGKILL');
      },
      async leftovers() {
        // VirtualBox's service leaves 5 s after its last client.
        await waitFor(async () => (await processesOf(userHome)).length === 0, { timeoutMs: 20_000, pollMs: 200 });
        const files = await readdir(folder, { recursive: true, withFileTypes: true });
        const paths = files.filter((entry) => !entry.isDirectory()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
        const registry = await readFile(join(userHome, 'VirtualBox.xml'), 'utf8');
        const registered = registry.match(/<(MachineEntry|HardDisk|Image) [^>]*>/g) ?? [];
        return [...(await processesOf(userHome)), ...registered, ...paths.filter((path) => !path.startsWith('virtualbox/'))];
      },
      async dispose() {
        await rm(folder, { recursive: true });
        const socketId = programEnvironment(userHome)['VBOX_IPC_SOCKETID'] ?? '';
        await rm(join(tmpdir(), `.vbox-${socketId}-ipc`), { recursive: true, force: true });
      },
      // A second core does not boot in the interpreter, and a boot of some 20 s takes longer on a busy host.
      cores: 1,
      limits: { boot: 150, call: 60, shutdown: 120, exec: 45 },
    };
  },
});

/** Command lines of all processes that were started for this registry. */
async function processesOf(userHome: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`VBOX_USER_HOME=${userHome}`)) continue;
    found.push((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' '));
  }
  return found;
}
