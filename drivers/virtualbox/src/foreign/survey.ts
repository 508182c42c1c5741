import { basename, dirname, isAbsolute, join } from 'node:path';

import type { ForeignOwner, ForeignSurvey } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { type ForeignVm, NakhodaError } from '@nakhoda/schema';

import { parseRegistry } from '../machine-file.ts';
import type { RegistryEntry } from '../machine-file.ts';
import { judgeMachine } from './judge-machine.ts';
import { type MachineDetails, machineDetails } from './machine-details.ts';
import { canBeShown, type ReadFiles, readMachineFiles, storePath, wordsOf } from './machine-files.ts';
import { mediumPath } from './medium-path.ts';
import { type OpenProgram, openPrograms, runsMachine, worksOn } from './open-programs.ts';
import { type OwnedEntry, readTree } from './owned-tree.ts';
import { ForeignProblem, readGuarded, safeXml, shown } from './read-guarded.ts';

const mostRegistryBytes = 4 * 1024 * 1024;
const mostMachineBytes = 16 * 1024 * 1024;
const mostMachines = 1000;
/** A foreign VM with what only the driver needs of it. */
export interface SurveyedMachine {
  survey: ForeignSurvey;
  /** The user's list of machines. */
  registry: string;
  /** The `.vbox` file, byte for byte; null when it cannot be read. */
  content: Buffer | null;
  entries: OwnedEntry[];
  /** Where its store of variables (UEFI, TPM) is, if it has one. */
  store: string;
}

export interface SurveyOptions {
  owner: ForeignOwner;
  /** Who the daemon is. */
  self: { uid: number };
  /** Media of our own machines: paths to the machines' names. */
  ours: ReadonlyMap<string, string>;
  /** The run time has a file system of its own. */
  isolated: boolean;
  /** The version of the VirtualBox here, such as `7.2.22`. */
  version: string;
}

/** The folder with the user's settings, whether it is there or not. */
export async function settingsFolder(owner: ForeignOwner): Promise<string> {
  if (owner.settings !== null) return owner.settings.replace(/\/+$/u, '');
  const candidates = [join(owner.home, '.config', 'VirtualBox'), join(owner.home, '.VirtualBox')];
  for (const candidate of candidates) {
    if (await fileExists(join(candidate, 'VirtualBox.xml'))) return candidate;
  }
  return candidates[0] ?? '';
}

/**
 * A user's VMs, read from the user's files alone: nothing is written, and no program of VirtualBox is started.
 * @throws NakhodaError `foreign.not-adoptable` when the list of them cannot be read
 */
export async function surveyMachines(options: SurveyOptions): Promise<SurveyedMachine[]> {
  const { owner } = options;
  const settings = await settingsFolder(owner);
  const registry = join(settings, 'VirtualBox.xml');
  let entries: RegistryEntry[];
  try {
    const { content } = await readGuarded(registry, { uid: owner.uid, mostBytes: mostRegistryBytes });
    entries = parseRegistry(safeXml(registry, content)).machines;
    if (entries.length > mostMachines) throw new ForeignProblem(`${shown(registry)} lists more than ${mostMachines} machines.`);
  } catch (error) {
    throw new NakhodaError('foreign.not-adoptable', {
      message: `The VirtualBox settings of ${owner.user} cannot be read: ${wordsOf(error, registry)}`,
      hint: 'Look whether that user has used VirtualBox, and where; name another folder with --settings.',
      cause: error,
    });
  }
  const programs = await openPrograms();
  const read = await Promise.all(entries.map((entry) => readMachine(entry, settings, owner)));
  return Promise.all(
    read.map(async (machine, index) => {
      const usedBy = new Map(options.ours);
      for (const [other, { details, entry }] of read.entries()) {
        if (other === index || details === null) continue;
        for (const medium of details.media.filter(({ kind }) => kind === 'HardDisk'))
          for (const key of [medium.uuid, mediumPath(medium.location, dirname(entry.file))]) usedBy.set(key, details.name);
      }
      const twice = read.some((other, at) => at < index && other.entry.uuid === machine.entry.uuid);
      return { registry, ...(await judge(machine, { ...options, settings, programs, usedBy, twice })) };
    }),
  );
}

interface ReadMachine {
  entry: RegistryEntry;
  content: Buffer | null;
  details: MachineDetails | null;
  problem: string | null;
}

async function readMachine({ uuid, file: listed }: RegistryEntry, settings: string, owner: ForeignOwner): Promise<ReadMachine> {
  const file = isAbsolute(listed) ? listed : join(settings, listed);
  const entry = { uuid, file };
  try {
    const { content } = await readGuarded(file, { uid: owner.uid, mostBytes: mostMachineBytes });
    const details = machineDetails(safeXml(file, content));
    if (details === 'encrypted') throw new ForeignProblem('The VM is encrypted.');
    if (details === null) throw new ForeignProblem(`${shown(file)} is no settings file of VirtualBox.`);
    return { entry, content, details, problem: null };
  } catch (error) {
    return { entry, content: null, details: null, problem: wordsOf(error, file) };
  }
}

interface JudgeOptions extends SurveyOptions {
  settings: string;
  programs: readonly OpenProgram[];
  usedBy: ReadonlyMap<string, string>;
  twice: boolean;
}

async function judge(machine: ReadMachine, options: JudgeOptions): Promise<Omit<SurveyedMachine, 'registry'>> {
  const { owner, programs } = options;
  const { entry, details, content } = machine;
  const { uuid, file } = entry;
  const name = details?.name ?? '';
  const running = programs.find(
    (program) =>
      runsMachine(program, { uuid, name }) &&
      (worksOn(program, { uid: owner.uid, settings: options.settings }) || program.argv.includes(uuid)),
  );
  const nothing = { user: owner.user, name, uuid, file, osType: '', cores: 0, memoryMiB: 0, disks: [], snapshots: 0 };
  if (details === null) {
    const vm: ForeignVm = { ...nothing, state: running ? 'running' : 'unknown', adoptable: false, reasons: [machine.problem ?? ''] };
    return { survey: { vm, found: null }, content: null, entries: [], store: '' };
  }
  const folder = dirname(file);
  const files = await readMachineFiles(details, file, options);
  const tree = await treeOf(folder, owner.uid);
  const judged = judgeMachine(details, { folder, ...files, usedBy: options.usedBy, version: options.version });
  const saved = details.memory.some(({ snapshot }) => snapshot === null);
  const state = running ? 'running' : saved ? 'saved' : details.aborted ? 'aborted' : 'stopped';
  const outside = [details.snapshotFolder, ...details.otherFiles].find(
    (path) => !mediumPath(path, folder).startsWith(`${folder}/`) || path.includes('..'),
  );
  const open = programs.find((program) => worksOn(program, { uid: owner.uid, settings: options.settings }));
  const reasons = [
    ...(state === 'running' ? ['It runs. Shut it down first.'] : []),
    ...(open && state !== 'running'
      ? [`VirtualBox is open: ${open.program} (process ${open.pid}) works on ${owner.user}'s settings. Close it; VBoxSVC ends 5 s later.`]
      : []),
    ...(options.twice ? ['Its UUID is listed twice.'] : []),
    ...(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u.test(uuid) ? [] : ['Its UUID is none.']),
    ...(options.self.uid !== 0 && options.self.uid !== owner.uid
      ? ['The daemon does not run as root, and can take over the VMs of its own user alone.']
      : []),
    ...(options.isolated && !canBeShown(file) ? [`${shown(folder)} is a folder of the system.`] : []),
    ...(outside === undefined ? [] : [`${shown(outside)} lies outside of the VM's folder.`]),
    ...files.reasons,
    ...tree.reasons,
    ...judged.reasons,
  ];
  const vm: ForeignVm = {
    ...nothing,
    state,
    osType: details.osType,
    cores: whole(details.cores),
    memoryMiB: whole(details.memoryMiB),
    disks: disksOf(details, folder, files.images),
    snapshots: details.snapshots,
    adoptable: reasons.length === 0,
    reasons,
  };
  return {
    survey: { vm, found: reasons.length === 0 ? judged.found : null },
    content,
    entries: [...tree.entries, ...files.entries],
    store: storePath(details, file),
  };
}

function whole(value: number): number {
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** The images that disks grow from; those of snapshots are not told one by one. */
function disksOf({ media }: MachineDetails, folder: string, images: ReadFiles['images']): ForeignVm['disks'] {
  return media
    .filter(({ kind, parentUuid }) => kind === 'HardDisk' && parentUuid === null)
    .map(({ location, format }) => ({
      path: mediumPath(location, folder),
      format,
      sizeBytes: images.get(mediumPath(location, folder))?.sizeBytes ?? null,
    }));
}

async function treeOf(folder: string, uid: number): Promise<{ entries: OwnedEntry[]; reasons: string[] }> {
  try {
    const entries = await readTree(folder, uid);
    const machines = entries.filter(({ path }) => path !== folder && path.endsWith('.vbox'));
    const reasons =
      machines.length > 1
        ? [`Its folder ${shown(folder)} holds another VM's file, too: ${machines.map(({ path }) => basename(path)).join(', ')}.`]
        : [];
    return { entries, reasons };
  } catch (error) {
    return { entries: [], reasons: [wordsOf(error, folder)] };
  }
}
