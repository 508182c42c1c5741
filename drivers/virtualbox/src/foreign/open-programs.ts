import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { processArgv } from '@nakhoda/host';

/** A program of VirtualBox that runs on this host. */
export interface OpenProgram {
  pid: number;
  program: string;
  uid: number;
  argv: string[];
  /** The folders that its settings may lie in; null when that cannot be seen. */
  settings: string[] | null;
}

const programs = ['VBoxSVC', 'VBoxManage', 'VirtualBox', 'VirtualBoxVM', 'VBoxHeadless', 'VBoxSDL', 'vboxwebsrv'];

/** Those that run a VM. */
const frontEnds = ['VirtualBoxVM', 'VBoxHeadless', 'VBoxSDL'];

/** Every program of VirtualBox on this host, whoever's it is. */
export async function openPrograms(): Promise<OpenProgram[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map(look));
  return found.filter((program) => program !== null);
}

async function look(pid: number): Promise<OpenProgram | null> {
  const argv = processArgv(pid);
  const program = basename(argv?.[0] ?? '');
  if (argv === null || !programs.includes(program)) return null;
  const uid = await stat(`/proc/${pid}`).then(
    (stats) => stats.uid,
    () => null,
  );
  if (uid === null) return null;
  return { pid, program, uid, argv, settings: await settingsOf(pid) };
}

/** The folders that a program of VirtualBox may have its settings in; null when its environment cannot be read. */
export async function settingsOf(pid: number): Promise<string[] | null> {
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => null);
  return environment === null ? null : settingsIn(environment);
}

function settingsIn(environment: string): string[] {
  const value = (name: string): string | undefined =>
    environment
      .split('\0')
      .find((line) => line.startsWith(`${name}=`))
      ?.slice(name.length + 1);
  const own = value('VBOX_USER_HOME');
  if (own) return [own.replace(/\/+$/u, '')];
  const home = value('HOME') ?? '';
  return [join(value('XDG_CONFIG_HOME') ?? join(home, '.config'), 'VirtualBox'), join(home, '.VirtualBox')];
}

/** Whether the program works on that user's settings, or may. Pure. */
export function worksOn(program: OpenProgram, owner: { uid: number; settings: string }): boolean {
  return program.settings === null ? program.uid === owner.uid : program.settings.includes(owner.settings);
}

/** Whether the program runs this VM. Pure. */
export function runsMachine(program: OpenProgram, machine: { uuid: string; name: string }): boolean {
  if (!frontEnds.includes(program.program)) return false;
  return program.argv.some((arg) => arg.toLowerCase() === machine.uuid || (machine.name !== '' && arg === machine.name));
}
