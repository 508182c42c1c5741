import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute } from 'node:path';

import type { ViewEntry } from './launch-plan.ts';

/** What there is of the host's system folders. */
export interface SystemFacts {
  /** `/bin`, `/lib` and their kin: where the link leads, or null for a folder of its own. Those that do not exist are left out. */
  roots: ReadonlyMap<string, string | null>;
  /** Files and folders of /etc, real path by path. */
  settings: ReadonlyMap<string, string>;
  /** Character devices that exist. */
  devices: ReadonlySet<string>;
}

export interface ViewRequest {
  /** The program's own two folders and whatever else it may write. */
  lend: readonly PathPair[];
  /** What it may read beside the system: CD images, a program outside /usr. */
  show: readonly PathPair[];
  /** Devices it may open; those that the host lacks are left out. */
  devices: readonly string[];
}

export interface PathPair {
  /** Without symbolic links. */
  source: string;
  /** As the program names it. */
  path: string;
}

const rootNames = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** The loader's cache; links of Debian's alternatives, which libraries may go through; the time zone. */
const settingNames = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime'];
const plainDevices = ['/dev/null', '/dev/zero', '/dev/full', '/dev/random', '/dev/urandom'];
const knownDevices = [...plainDevices, '/dev/kvm', '/dev/net/tun', '/dev/userfaultfd'];

/**
 * The file system that a program sees: the system's programs and libraries, what it is lent and shown, a few devices.
 * Neither /proc nor /sys, nor anybody's home. Pure.
 *
 * @throws RangeError for a path that is not absolute, or would cover what others lie in
 */
export function planView(request: ViewRequest, facts: SystemFacts): ViewEntry[] {
  const pairs = [...request.lend, ...request.show];
  for (const path of pairs.flatMap((pair) => [pair.source, pair.path])) {
    if (!isAbsolute(path) || path.split('/').some((part) => part === '..' || part === '.') || dirname(path) === path)
      throw new RangeError(`A private view cannot hold ${JSON.stringify(path)}.`);
  }
  const entry = (kind: 'lend' | 'show', { source, path }: PathPair): ViewEntry => ({ kind, source, path });
  const wanted = [...plainDevices, ...request.devices];
  return [
    { kind: 'show', source: '/usr', path: '/usr' },
    ...[...facts.roots].map(([path, target]): ViewEntry =>
      target === null ? entry('show', { source: path, path }) : { kind: 'link', target, path },
    ),
    ...[...facts.settings].map(([path, source]) => entry('show', { source, path })),
    ...[...new Set(wanted)].filter((path) => facts.devices.has(path)).map((path): ViewEntry => ({ kind: 'device', path })),
    // A folder before what lies in it, or it would cover it.
    ...[...request.show.filter(isHidden).map((pair) => entry('show', pair)), ...request.lend.map((pair) => entry('lend', pair))].toSorted(
      (a, b) => a.path.length - b.path.length,
    ),
  ];
}

/** Not in what is shown anyway. */
function isHidden({ source, path }: PathPair): boolean {
  return source !== path || !path.startsWith('/usr/');
}

/** Looks at the host for `planView`; `more` are devices beside those that any VM may have. */
export async function readSystemFacts(more: readonly string[] = []): Promise<SystemFacts> {
  const roots = new Map<string, string | null>();
  for (const { path, found } of await Promise.all(
    rootNames.map(async (name) => ({ path: name, found: await lstat(name).catch(() => null) })),
  )) {
    if (found?.isSymbolicLink()) roots.set(path, await readlink(path));
    else if (found?.isDirectory()) roots.set(path, null);
  }
  const settings = new Map<string, string>();
  for (const { path, source } of await Promise.all(
    settingNames.map(async (name) => ({ path: name, source: await realpath(name).catch(() => null) })),
  )) {
    if (source !== null) settings.set(path, source);
  }
  const nodes = await Promise.all([...knownDevices, ...more].map(async (path) => ({ path, found: await stat(path).catch(() => null) })));
  return { roots, settings, devices: new Set(nodes.filter(({ found }) => found?.isCharacterDevice()).map(({ path }) => path)) };
}
