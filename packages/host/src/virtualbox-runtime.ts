import { constants } from 'node:fs';
import { access, readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from './cache-folder.ts';
import { exec } from './exec.ts';

const enterScript = fileURLToPath(new URL('./virtualbox-enter.sh', import.meta.url));

/** Where every VirtualBox package (Debian's, Ubuntu's, Oracle's) puts the real programs. */
export const virtualBoxPrograms = '/usr/lib/virtualbox';

/**
 * The oldest major version that is used: 7.0 brought `--driverless`, without which a VM needs
 * VirtualBox's kernel driver (7.0.16 of Ubuntu 24.04 starts VMs so; Ubuntu 22.04 has 6.1.32).
 */
export const oldestVirtualBox = 7;

/**
 * A VirtualBox on this machine: the distribution's own (`system`, `root` null), or one that
 * `nakhoda setup virtualbox` put into the user's cache folder (`isolated`, `root` its folder).
 */
export interface VirtualBoxRuntime {
  readonly kind: 'system' | 'isolated';
  /** Absolute path of the run time's file system; null for the system's own. */
  readonly root: string | null;
  /** What `VBoxManage --version` prints, e.g. `7.2.22_Debianr175245`. */
  readonly version: string;
  /**
   * True where the run time is entered through a user namespace, because the caller is not root:
   * inside, the caller and the run time's files (which must be the caller's) are root's.
   */
  readonly userNamespace?: boolean;
}

/** The folder with all isolated run times; `current` in it links to the one in use. */
export function virtualBoxRuntimeFolder(env: NodeJS.ProcessEnv): string {
  return join(cacheFolder(env), 'virtualbox');
}

/**
 * Finds the VirtualBox that drivers use: the system's, unless it is too old ({@link oldestVirtualBox}),
 * otherwise the isolated run time; null when `nakhoda setup virtualbox` has not been run. Looks only; installs and starts nothing.
 * @throws NakhodaError as {@link exec} does, when the system's VBoxManage does not run.
 */
export async function findVirtualBoxRuntime(env: NodeJS.ProcessEnv): Promise<VirtualBoxRuntime | null> {
  const system = `${virtualBoxPrograms}/VBoxManage`;
  if (await canRun(system)) {
    const { stdout } = await exec([system, '--version'], { timeoutMs: 10_000 });
    const version = lastLine(stdout);
    if (Number.parseInt(version, 10) >= oldestVirtualBox) return { kind: 'system', root: null, version };
  }
  const current = join(virtualBoxRuntimeFolder(env), 'current');
  try {
    const folder = await realpath(current);
    const version = await readFile(join(folder, 'version'), 'utf8');
    const userNamespace = process.getuid?.() !== 0;
    return { kind: 'isolated', root: join(folder, 'root'), version: version.trim(), userNamespace };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The full argv that runs a program of the run time. For `system` it is `argv` itself. For
 * `isolated` the spawned process becomes the program (same pid, same network and pid
 * namespaces, same environment) in a mount namespace of its own, with /tmp shared, so that
 * programs with the same `VBOX_IPC_SOCKETID` find each other.
 *
 * `binds` are absolute folders that exist and appear inside at the same path. VBoxSVC keeps
 * the namespace of whichever program started it, so every call for one `VBOX_USER_HOME` must
 * give the same binds. Throws RangeError for a bind that is not an absolute, plain path.
 */
export function runtimeArgv(
  runtime: VirtualBoxRuntime,
  options: { readonly binds: readonly string[] },
  argv: readonly [program: string, ...args: string[]],
): string[] {
  if (runtime.root === null) return [...argv];
  for (const bind of options.binds) {
    if (!isAbsolute(bind) || bind === '/' || bind.split('/').includes('..')) {
      throw new RangeError(`A bind must be an absolute folder other than "/": ${bind}`);
    }
  }
  return [
    'unshare',
    ...(runtime.userNamespace === true ? ['--user', '--map-root-user'] : []),
    '--mount',
    // Mounts that appear under a bind on the host later must show inside, never the reverse.
    '--propagation',
    'slave',
    'sh',
    enterScript,
    runtime.root,
    ...options.binds,
    '--',
    ...argv,
  ];
}

async function canRun(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
