import { chmod, lchown, lstat, readdir, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import {
  type IsolationProbe,
  isVmUid,
  type LaunchPlan,
  type PathPair,
  planView,
  probeIsolation,
  readSystemFacts,
  type VmIdentity,
  vmIdentity,
} from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { type HostDevicePlan, noHostDevices } from './host-devices.ts';
import { machinePaths, ownFiles } from './machine-paths.ts';

export interface ConfinementOptions {
  /** Whose VMs they are; see `networkOwner`. */
  owner: string;
  /** False: QEMU runs as the daemon's user even where it need not. */
  isolate: boolean;
  /** Absolute paths of folders with CD images, which every QEMU may read. */
  mediaFolders: readonly string[];
  /** QEMU's program, and folders that it needs beside /usr. */
  program: string;
  programFolders: readonly string[];
  /** True: QEMU keeps CAP_SYS_PTRACE, for userfaultfd alone; see `LaunchPlan`. */
  userfaultfd: boolean;
  /** What clones need of other VMs' images. Default: there are none. */
  sharing?: Sharing;
}

export interface Sharing {
  /** Whether a machine needs the image of another as it is. */
  isHeld(path: string): boolean;
  /** The images of other VMs that this one lies on. */
  basesOf(vmid: number): readonly string[];
}

/**
 * What a VM's QEMU may reach. Where the daemon is root, each VM has a user and group of its own and sees its own two
 * folders, CD images and the system's programs; everything that decides what the daemon does (records, logs, sockets
 * once they stand) is root's, in folders in which that user can replace nothing. Elsewhere QEMU is the daemon's user.
 */
export interface Confinement {
  /** Whether QEMU is isolated, or why it is not. */
  probe(): Promise<IsolationProbe>;
  /** Gives folders and files to those who need them. Idempotent; also for what an earlier version left as root's. */
  prepare(spec: MachineSpec): Promise<void>;
  /** How QEMU is to be started. */
  plan(
    spec: MachineSpec,
    argv: readonly string[],
    options: { kvm: boolean; cgroups: readonly string[]; host?: HostDevicePlan },
  ): Promise<LaunchPlan>;
  /** Gives a file or socket that the daemon made for a VM's QEMU the owner and mode that QEMU needs. */
  handOver(spec: MachineSpec, path: string): Promise<void>;
  /** Takes an image from the VMs that read it: it is root's, and nobody may write to it. A QEMU that has it open keeps it. */
  share(path: string): Promise<void>;
  /** Takes the sockets that QEMU listens on away from it, before the guest runs: it can put nothing else in their place. */
  seal(spec: MachineSpec): Promise<void>;
}

export function createConfinement(options: ConfinementOptions): Confinement {
  const probe = (): Promise<IsolationProbe> =>
    options.isolate ? probeIsolation() : Promise.resolve({ ok: false, reason: 'Isolation is switched off.' });
  const identity = async ({ vmid }: MachineSpec): Promise<VmIdentity | null> =>
    (await probe()).ok ? vmIdentity({ owner: options.owner, vmid }) : null;

  const handOver = async (spec: MachineSpec, path: string): Promise<void> => {
    const own = await identity(spec);
    // The mode first: afterwards QEMU could put a link in its place.
    await chmod(path, 0o600);
    if (own) await lchown(path, own.uid, own.gid);
  };

  const { isHeld, basesOf } = options.sharing ?? { isHeld: () => false, basesOf: () => [] };
  const share = async (path: string): Promise<void> => {
    // Where all VMs are one user there is nobody to keep it from.
    if (!(await probe()).ok) return;
    await chmod(path, 0o444);
    await lchown(path, 0, 0);
  };

  return {
    probe,
    handOver,
    share,

    async prepare(spec) {
      const own = await identity(spec);
      if (!own) return;
      // Also what a daemon that was killed had not come to, and what a copy from a backup has lost.
      for (const path of basesOf(spec.vmid)) await share(path);
      // Its own folders: it may go through the one, and make sockets in the other, but replace nothing of root's there.
      const folder = async (path: string, mode: number): Promise<void> => {
        await lchown(path, 0, own.gid);
        await chmod(path, mode);
      };
      await Promise.all([folder(spec.directory, 0o710), folder(spec.runtimeDirectory, 0o1770)]);
      await Promise.all((await filesToHandOver(spec)).map((path) => (isHeld(path) ? share(path) : handOver(spec, path))));
      for (const path of outsideDisks(spec)) {
        await refuseForeignDisk(spec, path, own);
        await (isHeld(path) ? share(path) : handOver(spec, path));
      }
      await Promise.all(options.mediaFolders.map((path) => allowOthers(path, 0o011)));
      if (spec.cdrom !== null) await allowOthers(spec.cdrom, 0o044);
    },

    async plan(spec, argv, { kvm, cgroups, host = noHostDevices }) {
      const own = await identity(spec);
      const locked = host.lockedBytes === null ? {} : { lockedBytes: host.lockedBytes };
      const plan = { exitPath: machinePaths(spec).qemuExit, cgroups, argv, ...locked };
      if (!own) return { ...plan, identity: null, view: null };
      const shown = [...options.mediaFolders, ...options.programFolders, ...programFolder(options.program)];
      const isShown = (path: string): boolean => shown.some((folder) => path.startsWith(`${folder}/`));
      const discs = spec.cdrom === null || isShown(spec.cdrom) ? [] : [spec.cdrom];
      const view = planView(
        {
          lend: await pairs([spec.directory, spec.runtimeDirectory, ...outsideDisks(spec)]),
          show: await pairs([...shown, ...discs, ...basesOf(spec.vmid), ...host.folders]),
          // Nodes of its own, that are gone with the view: nothing has to be given back.
          devices: ['/dev/net/tun', '/dev/userfaultfd', ...(kvm ? ['/dev/kvm'] : []), ...host.nodes],
        },
        await readSystemFacts(host.nodes),
      );
      return { ...plan, identity: own, view, userfaultfd: options.userfaultfd };
    },

    async seal(spec) {
      if (!(await identity(spec))) return;
      for (const entry of await readdir(spec.runtimeDirectory, { withFileTypes: true })) {
        if (entry.isSocket()) await lchown(join(spec.runtimeDirectory, entry.name), 0, 0);
      }
    },
  };
}

/** Disks that do not lie in the VM's own folder. */
function outsideDisks({ disks, directory }: MachineSpec): string[] {
  return disks.map((disk) => disk.path).filter((path) => !path.startsWith(`${directory}/`));
}

/** Images and whatever else of the VM's folder is QEMU's, such as firmware variables; records, logs and saved memory are the daemon's. */
async function filesToHandOver(spec: MachineSpec): Promise<string[]> {
  const own = new Set(ownFiles(spec));
  const entries = await readdir(spec.directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !/^memory\.|\.(?:json|log|new)(?:\.|$)/.test(entry.name))
    .map((entry) => join(spec.directory, entry.name))
    .filter((path) => !own.has(path));
}

async function refuseForeignDisk(spec: MachineSpec, path: string, own: VmIdentity): Promise<void> {
  const { uid } = await lstat(path);
  if (!isVmUid(uid) || uid === own.uid) return;
  throw new NakhodaError('vm.start-failed', {
    message: `VM ${spec.name}: the disk ${path} belongs to another VM (user ${uid}).`,
    hint: `Give it a disk of its own. If that VM is no more: chown root: ${path}`,
  });
}

/** Adds bits to the mode of a file or folder that is there. Only who gets to its folder can make use of them. */
async function allowOthers(path: string, bits: number): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found && (found.mode & bits) !== bits) await chmod(path, (found.mode & 0o7777) | bits);
}

function programFolder(program: string): string[] {
  return isAbsolute(program) ? [dirname(program)] : [];
}

/** With their real paths; what does not exist is left out. */
async function pairs(paths: readonly string[]): Promise<PathPair[]> {
  const found = await Promise.all([...new Set(paths)].map(async (path) => ({ path, source: await realpath(path).catch(() => null) })));
  return found.flatMap(({ path, source }) => (source === null ? [] : [{ path, source }]));
}
