import type { VmIdentity } from './vm-identity.ts';

/** One step of making the file system that a program will see; `source` is the real path, `path` the program's. */
export type ViewEntry =
  /** A file or folder that it may read as far as owner and mode allow. */
  | { kind: 'show'; source: string; path: string }
  /** Likewise, and write. */
  | { kind: 'lend'; source: string; path: string }
  | { kind: 'link'; target: string; path: string }
  /** A device node of the host's, made anew with the identity as its owner. */
  | { kind: 'device'; path: string };

/** How a program is to be started. The supervisor (`supervisor.pl`) carries it out in this order. */
export interface LaunchPlan {
  /** Absolute path of the file that will tell how the program ended; see `readExit`. */
  exitPath: string;
  /** Absolute paths of control groups that the program is to be in; they exist. */
  cgroups: readonly string[];
  /** What the program will see of the file system; null: all of it. */
  view: readonly ViewEntry[] | null;
  /** Whom the program runs as; null: as whoever starts it, with nothing taken away. */
  identity: VmIdentity | null;
  /**
   * Leaves it CAP_SYS_PTRACE, by which userfaultfd is allowed, behind a filter that denies all else that the capability
   * is good for. Needs a view, which has no /proc. Default false.
   */
  userfaultfd?: boolean;
  /** Bytes of memory that the program may lock (RLIMIT_MEMLOCK); without it, what whoever starts it may. */
  lockedBytes?: number;
  /** Program and arguments. */
  argv: readonly string[];
}

/** linux/capability.h */
const sysPtrace = '19';
/** What the supervisor's `become` takes for a capability to keep when there is none. */
export const noCapability = '-1';

/**
 * The plan as the supervisor reads it: words, each ended by NUL.
 * @throws RangeError for a word with a NUL in it
 */
export function encodeLaunchPlan(plan: LaunchPlan): string {
  const { identity, view, userfaultfd = false, lockedBytes } = plan;
  if (userfaultfd && view === null) throw new RangeError('A program that keeps a capability needs a private view.');
  if (view !== null && identity === null) throw new RangeError('A private view needs an identity: root can leave it.');
  const words = [
    'nakhoda-launch-1',
    plan.exitPath,
    ...plan.cgroups.flatMap((path) => ['cgroup', path]),
    ...(view === null || identity === null ? [] : ['view', ...view.flatMap((entry) => viewWords(entry, identity)), 'close']),
    ...(userfaultfd ? ['guard'] : []),
    // While there is still the power to raise a limit.
    ...(lockedBytes === undefined ? [] : ['lock', String(lockedBytes)]),
    ...(identity === null ? [] : ['become', String(identity.uid), String(identity.gid), '', userfaultfd ? sysPtrace : noCapability, '0']),
    'run',
    ...plan.argv,
  ];
  if (plan.argv.length === 0 || words.some((word) => word.includes('\0')))
    throw new RangeError('A launch plan cannot hold that command line.');
  return words.map((word) => `${word}\0`).join('');
}

function viewWords(entry: ViewEntry, { uid, gid }: VmIdentity): string[] {
  switch (entry.kind) {
    case 'show':
    case 'lend':
      return [entry.kind, entry.source, entry.path];
    case 'link':
      return ['link', entry.target, entry.path];
    case 'device':
      return ['device', entry.path, String(uid), String(gid)];
  }
}
