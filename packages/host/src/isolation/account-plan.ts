import { isAbsolute } from 'node:path';

import { noCapability } from './launch-plan.ts';
import { supervisorProgram } from './supervise.ts';
import type { PathPair } from './private-view.ts';
import type { VmIdentity } from './vm-identity.ts';

/** What there is of the system that the account's programs come from: the host's, or a run time's with a root of its own. */
export interface AccountFacts {
  /** Of the kernel, as uname(2) calls it: `x86_64`. */
  machine: string;
  /** `/bin`, `/lib` and their kin, as in `SystemFacts`. */
  roots: ReadonlyMap<string, string | null>;
  /** The real path of each folder and file of the system that is shown, by the path that programs know it by. */
  shown: ReadonlyMap<string, string>;
  /** Devices that exist. Those that the value says are root's keep that owner: nobody but a set-uid program opens them. */
  devices: ReadonlyMap<string, 'root' | 'account'>;
}

export interface AccountRequest {
  identity: VmIdentity;
  /** Further groups, by number. */
  groups: readonly number[];
  /** Real paths of the files that stand for /etc/passwd and /etc/group. */
  names: { passwd: string; group: string };
  /** What it may write, as far as owner and mode allow; also what is mounted below later. */
  lend: readonly PathPair[];
  /** What it may read, likewise. */
  show: readonly PathPair[];
  /**
   * True for a program that insists on being set-uid root, and becomes the user by itself before it reads anything of a VM's. It
   * is started with root as its effective user, without a single capability; the set-uid bit itself has no effect.
   */
  setUid: boolean;
}

/**
 * The command that runs a program as an account of its own, in a file system of its own: the system's programs, what it is lent
 * and shown, of /proc its own processes, a /tmp in memory. It has no capability in any set, and no way to get one
 * (`no_new_privs`, an empty bounding set). The process that is started becomes the program. Pure.
 *
 * @throws RangeError for a path that is not absolute and plain
 */
export function accountArgv(request: AccountRequest, facts: AccountFacts, argv: readonly string[]): string[] {
  const { uid, gid } = request.identity;
  const pairs = [
    ...request.lend.map((pair) => ({ ...pair, word: 'lend-deep' })),
    ...request.show.map((pair) => ({ ...pair, word: 'show-deep' })),
  ];
  for (const path of pairs.flatMap(({ source, path }) => [source, path]))
    if (!isAbsolute(path) || path === '/' || path.split('/').some((part) => part === '.' || part === '..'))
      throw new RangeError(`A private view cannot hold ${JSON.stringify(path)}.`);
  return [
    ...['perl', supervisorProgram, '--become', 'machine', facts.machine, 'following-view'],
    ...[...facts.shown].flatMap(([path, source]) => ['show', source, path]),
    ...[...facts.roots].flatMap(([path, target]) => (target === null ? ['show', path, path] : ['link', target, path])),
    ...['show', request.names.passwd, '/etc/passwd', 'show', request.names.group, '/etc/group'],
    ...[...facts.devices].flatMap(([path, owner]) => ['device', path, ...(owner === 'root' ? ['0', '0'] : [String(uid), String(gid)])]),
    ...['processes', '/proc', 'temporary', '/tmp'],
    // A folder before what lies in it, or it would cover it.
    ...pairs.toSorted((a, b) => a.path.length - b.path.length).flatMap(({ word, source, path }) => [word, source, path]),
    ...['close', 'folders', 'become', String(uid), String(gid), request.groups.join(','), noCapability, request.setUid ? '1' : '0'],
    ...['run', ...argv],
  ];
}

/** The command that lends files and folders to a program that runs in such a view already. Pure. */
export function lendToArgv(pid: number, pairs: readonly PathPair[]): string[] {
  return ['perl', supervisorProgram, '--lend-to', String(pid), ...pairs.flatMap(({ source, path }) => [source, path])];
}

/** /etc/passwd and /etc/group with that one account in them. Pure. */
export function accountNames({ uid, gid }: VmIdentity, name: string, home: string): { passwd: string; group: string } {
  return { passwd: `${name}:x:${uid}:${gid}::${home}:/usr/sbin/nologin\n`, group: `${name}:x:${gid}:\n` };
}

/** The number of a group in the text of /etc/group; null when it is not there. Pure. */
export function groupNumber(text: string, name: string): number | null {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${name}:`));
  const number = line?.split(':')[2];
  return number !== undefined && /^\d+$/u.test(number) ? Number(number) : null;
}
