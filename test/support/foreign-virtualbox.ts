import { createHash } from 'node:crypto';
import { chown, lstat, mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

import {
  exec,
  findVirtualBoxRuntime,
  isVmUid,
  runtimeArgv,
  spawnDetached,
  terminate,
  virtualBoxPrograms,
  waitFor,
  waitForExit,
} from '@nakhoda/host';

import { startDisplay } from '../../drivers/virtualbox/src/display.ts';
import { frontEndCommand, modeExtraData } from '../../drivers/virtualbox/src/front-end.ts';
import { xvfbProgram } from '../../drivers/virtualbox/src/host-facts.ts';
import { programEnvironment } from '../../drivers/virtualbox/src/virtualbox-driver.ts';

/** A user of this host with a VirtualBox of the user's own, whose VMs real VBoxManage has made. */
export interface ForeignUserHost {
  /** Not below /tmp, which the isolated run time sees anyway. */
  folder: string;
  user: string;
  settings: string;
  vboxManage(...args: string[]): Promise<string>;
  /** The same through another VirtualBox of this host's, by its environment; undefined: the user's. */
  vboxManageOf(through: Record<string, string> | undefined, args: readonly string[]): Promise<string>;
  /** Has a VM run in the user's own VirtualBox while `work` does; whatever `work` leaves of it is ended then. */
  whileRunning(name: string, work: () => Promise<void>): Promise<void>;
  /** Ends VirtualBox's service, which has written everything already, and gives everything to the user. */
  settle(): Promise<void>;
  /** Every file and folder with its content, owner and mode; with `times`, also when it was changed. */
  tree(times?: boolean): Promise<Record<string, string>>;
  /** What stands at the beginning of a disk, through all its layers. */
  diskText(medium: string, through?: Through): Promise<string>;
  dispose(): Promise<void>;
}

/** The user's numbers: not root's, where the tests are root's. */
export function userIds(): { uid: number; gid: number } {
  if (process.getuid?.() === 0) return { uid: 65_534, gid: 65_534 };
  const { uid, gid } = userInfo();
  return { uid, gid };
}

/** A VirtualBox, and a folder that it may write to. */
interface Through {
  folder: string;
  run(args: readonly string[]): Promise<string>;
}

export async function makeForeignUser(): Promise<ForeignUserHost> {
  const folder = await mkdtemp('/var/tmp/nkf-');
  const settings = join(folder, 'settings');
  await mkdir(settings);
  const root = process.getuid?.() === 0;
  const { uid } = userIds();
  const runtime = (await findVirtualBoxRuntime(process.env)) ?? { kind: 'system' as const, root: null, version: '' };
  const env = { ...programEnvironment(settings), VBOX_IPC_SOCKETID: `nkf-${folder.slice(-6)}` };
  const run = async (args: readonly string[], environment: Record<string, string> = env): Promise<string> => {
    const argv = runtimeArgv(runtime, { binds: [folder] }, [`${virtualBoxPrograms}/VBoxManage`, ...args]);
    return (await exec(argv, { env: environment, timeoutMs: 60_000 })).stdout;
  };
  const machineLog = (name: string): Promise<string> =>
    readFile(join(folder, 'VirtualBox VMs', name, 'Logs', 'VBox.log'), 'utf8').catch(String);
  /** What is known of a machine that did not come up: its state, its front end's output, the end of its log. */
  const lastWords = async (name: string): Promise<string> => {
    const info = await run(['showvminfo', name, '--machinereadable']).catch(String);
    const printed = await readFile(join(settings, 'front-end.log'), 'utf8').catch(String);
    return [/^VMState="[^"]*"/mu.exec(info)?.[0] ?? info, printed.slice(-2000), (await machineLog(name)).slice(-2000)].join('\n');
  };
  const everything = async (): Promise<string[]> => ['', ...(await readdir(folder, { recursive: true })).toSorted()];
  return {
    folder,
    user: root ? 'nobody' : userInfo().username,
    settings,
    vboxManage: (...args) => run(args),
    vboxManageOf: (through, args) => run(args, through ?? env),
    async whileRunning(name, work) {
      const command = (program: string, args: readonly string[]): string[] => runtimeArgv(runtime, { binds: [folder] }, [program, ...args]);
      for (const [key, value] of Object.entries({ ...modeExtraData('interpreter') })) await run(['setextradata', name, key, value]);
      await run(['setextradata', 'global', 'GUI/SuppressMessages', 'all']);
      const [logPath, authorityPath] = [join(settings, 'display.log'), join(settings, 'authority')];
      const display = await startDisplay({
        command: (args) => Promise.resolve(command(xvfbProgram, args)),
        // All of it is root's until it is settled.
        handOver: () => Promise.resolve(),
        ...{ env, logPath, authorityPath, signal: new AbortController().signal },
      });
      const front = frontEndCommand(name, 'interpreter');
      const process = await spawnDetached(command(front.program, front.args), {
        logPath: join(settings, 'front-end.log'),
        env: { ...env, ...display.env, XDG_RUNTIME_DIR: settings },
      });
      try {
        // Its own log tells when it runs, so nobody has to ask its service, which is busy with it. A guest whose state is
        // saved in the middle of the BIOS at times crashes VirtualBox 7.2.22 when it goes on (seen by the kernel as
        // "segfault … in VBoxVMM.so"), so it is let come to its end.
        const ended = async (): Promise<boolean> => (await machineLog(name)).includes('No bootable medium found');
        if (!(await waitFor(ended, { timeoutMs: 60_000, pollMs: 50 }))) throw new Error(`${name} does not run: ${await lastWords(name)}`);
        await work();
        if (!(await waitForExit(process, { timeoutMs: 20_000 }))) throw new Error(`${name} does not end`);
      } finally {
        await terminate(process, { graceMs: 2000 });
        await terminate(display.process, { graceMs: 2000 });
        for (const path of [logPath, authorityPath]) await rm(path, { force: true });
      }
    },
    async settle() {
      await endServices(settings);
      for (const path of await everything()) {
        const file = join(folder, path);
        // What was adopted is VirtualBox's account's.
        if (!isVmUid((await lstat(file)).uid)) await chown(file, uid, uid);
      }
    },
    async tree(times = false) {
      const found: Record<string, string> = {};
      for (const path of await everything()) {
        const stat = await lstat(join(folder, path), { bigint: true });
        const content = stat.isFile()
          ? createHash('sha256')
              .update(await readFile(join(folder, path)))
              .digest('hex')
          : '';
        found[path] = [stat.uid, stat.gid, stat.mode.toString(8), ...(times ? [stat.mtimeNs, stat.ctimeNs] : []), content].join(' ');
      }
      return found;
    },
    async diskText(medium, through = { run, folder }) {
      const raw = join(through.folder, 'out.img');
      try {
        await through.run(['clonemedium', 'disk', medium, raw, '--format', 'RAW']);
        await through.run(['closemedium', 'disk', raw]);
        return (await readFile(raw)).subarray(0, 512).toString('latin1').replace(/\0+$/u, '');
      } finally {
        await rm(raw, { force: true });
      }
    },
    async dispose() {
      await endServices(settings);
      // The folders that it was shown in.
      if (runtime.root !== null) await rm(runtime.root + folder, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
      await rm(`/tmp/.vbox-${env.VBOX_IPC_SOCKETID}-ipc`, { recursive: true, force: true });
    },
  };
}

async function endServices(settings: string): Promise<void> {
  for (const pid of await services(settings)) process.kill(pid, 'SIGTERM');
  const gone = await waitFor(async () => (await services(settings)).length === 0, { timeoutMs: 20_000 });
  if (!gone) throw new Error(`VBoxSVC of ${settings} does not end`);
}

async function services(settings: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of (await readdir('/proc')).filter((entry) => /^\d+$/u.test(entry))) {
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('VBoxSVC') && environment.split('\0').includes(`VBOX_USER_HOME=${settings}`)) found.push(Number(name));
  }
  return found;
}

/** Writes a text to the beginning of a dynamic VDI image whose first block is not taken yet, as VirtualBox would for a guest. */
export async function writeToVdi(path: string, text: string): Promise<void> {
  await using file = await open(path, 'r+');
  const header = Buffer.alloc(512);
  await file.read(header, 0, 512, 0);
  const [map, data, allocated] = [header.readUInt32LE(0x154), header.readUInt32LE(0x158), header.readUInt32LE(0x184)];
  const block = Buffer.alloc(1024 * 1024);
  block.write(text, 'latin1');
  await file.write(block, 0, block.length, data + allocated * block.length);
  const entry = Buffer.alloc(4);
  entry.writeUInt32LE(allocated);
  await file.write(entry, 0, 4, map);
  entry.writeUInt32LE(allocated + 1);
  await file.write(entry, 0, 4, 0x184);
}

/** The UUID of the image that a VM's disk is at the moment. */
export async function attachedDisk(info: string): Promise<string> {
  const uuid = /-ImageUUID-\d+-\d+"="([0-9a-f-]{36})"/u.exec(info)?.[1];
  if (uuid === undefined) throw new Error(`no disk in ${info}`);
  return uuid;
}

/** Two VMs: `web server` with a tree of snapshots and data, and `Odd one (ü)` with settings that no record of ours can hold. */
export async function makeForeignVms(host: ForeignUserHost): Promise<void> {
  const { folder, vboxManage } = host;
  const base = join(folder, 'VirtualBox VMs');
  const makeDisk = async (name: string, file: string): Promise<void> => {
    await vboxManage('createvm', '--name', name, '--basefolder', base, '--ostype', 'Debian_64', '--register');
    await vboxManage('createmedium', 'disk', '--filename', file, '--size', '8');
    await vboxManage('storagectl', name, '--name', 'SATA', '--add', 'sata', '--portcount', '2');
    await vboxManage('storageattach', name, '--storagectl', 'SATA', '--port', '0', '--device', '0', '--type', 'hdd', '--medium', file);
    await vboxManage(
      'storageattach',
      name,
      '--storagectl',
      'SATA',
      '--port',
      '1',
      '--device',
      '0',
      '--type',
      'dvddrive',
      '--medium',
      'emptydrive',
    );
  };
  const disk = join(base, 'web server', 'web.vdi');
  await makeDisk('web server', disk);
  await vboxManage(
    'modifyvm',
    'web server',
    '--memory',
    '64',
    '--nic1',
    'nat',
    '--mac-address1',
    '080027AABB01',
    '--boot1',
    'disk',
    '--boot2',
    'dvd',
    '--boot3',
    'none',
  );
  await writeToVdi(disk, 'first');
  await vboxManage('snapshot', 'web server', 'take', 'before the update', '--description', 'all is well');
  const layer = async (): Promise<string> => {
    const info = await vboxManage(
      'showmediuminfo',
      'disk',
      await attachedDisk(await vboxManage('showvminfo', 'web server', '--machinereadable')),
    );
    return /^Location:\s+(.*)$/mu.exec(info)?.[1] ?? '';
  };
  await writeToVdi(await layer(), 'second');
  await vboxManage('snapshot', 'web server', 'take', 'after');
  await vboxManage('snapshot', 'web server', 'restore', 'before the update');
  await writeToVdi(await layer(), 'third');
  await vboxManage('snapshot', 'web server', 'take', 'other: branch');

  const odd = 'Odd one (ü)';
  await makeDisk(odd, join(folder, 'disks', 'odd.vdi'));
  await vboxManage(
    'modifyvm',
    odd,
    '--memory',
    '32',
    '--description',
    'Mind the "gap" & <things>',
    '--nic1',
    'intnet',
    '--intnet1',
    'weird net é',
  );
  await vboxManage(
    'modifyvm',
    odd,
    '--nic2',
    'nat',
    '--nic-type2',
    '82543GC',
    '--uart1',
    '0x3F8',
    '4',
    '--uart-mode1',
    'file',
    join(folder, 'serial.txt'),
  );
  await vboxManage('sharedfolder', 'add', odd, '--name', 'share', '--hostpath', folder);
  await vboxManage('setextradata', odd, 'VBoxInternal/Devices/acpi/0/Config/CustomTable', '/etc/passwd');
  await vboxManage('setextradata', odd, 'GUI/LastCloseAction', 'PowerOff');
}
