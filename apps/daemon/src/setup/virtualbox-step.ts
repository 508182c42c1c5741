import { mkdir, readdir, readlink, realpath, rename, rm, statfs, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { exec, findVirtualBoxRuntime, oldestVirtualBox, virtualBoxRuntimeFolder } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { aptConfigFormat, aptSettings } from './apt-settings.ts';
import { debianMirrors, indexTargetFormat } from './debian-mirrors.ts';
import { hasPackage, installPackages, isMissing } from './packages-step.ts';
import { asRoot, logTail, runProgram } from './run-program.ts';
import type { SetupContext, SetupStep } from './setup-step.ts';

/** Names the recipe in virtualbox-root.sh; raise the number when that changes what comes out. */
const recipe = 'sid-amd64-1';

/** Bytes free before we begin: apt needs 1.4 GB at its fullest. */
const roomNeeded = 2_000_000_000;

/** A real VirtualBox: the distribution's where it has one, otherwise an isolated run time. */
export const virtualBoxStep: SetupStep = {
  name: 'virtualbox',
  title: 'VirtualBox',

  async ready(context) {
    const { env } = context;
    const runtime = await findVirtualBoxRuntime(env);
    if (runtime === null) return null;
    if (runtime.root === null) {
      // A server often has VirtualBox without what it needs to run a VM in its interpreter.
      return (await isMissing(context, 'virtualbox-system')) ? null : `${runtime.version}, the system's own`;
    }
    const folder = await realpath(join(virtualBoxRuntimeFolder(env), 'current'));
    return basename(folder) === recipe ? `${runtime.version} in ${runtime.root}` : null;
  },

  async run(context) {
    if (process.arch !== 'x64') {
      throw new NakhodaError('setup.failed', {
        message: `VirtualBox for Linux runs on x86-64 only, and this machine is ${process.arch}.`,
        hint: 'Use QEMU guests alone: `nakhoda up --no-setup`.',
      });
    }
    const found = await findVirtualBoxRuntime(context.env);
    if (found?.kind === 'system' || (await hasPackage(context, 'virtualbox', `${oldestVirtualBox}`))) {
      await installPackages(context, 'virtualbox-system');
    } else {
      context.say(
        `  this system packages no VirtualBox of version ${oldestVirtualBox} or later: making an isolated run time from Debian's`,
      );
      await installPackages(context, 'virtualbox-isolated');
      await makeIsolated(context);
    }
    const ready = await this.ready(context);
    if (ready !== null) return ready;
    throw new NakhodaError('setup.failed', {
      message: 'VirtualBox was installed, but its program /usr/lib/virtualbox/VBoxManage does not run.',
      hint: 'Look at `dpkg -L virtualbox` and `dpkg --audit`.',
    });
  },
};

async function makeIsolated(context: SetupContext): Promise<void> {
  const folder = virtualBoxRuntimeFolder(context.env);
  await mkdir(folder, { recursive: true });
  await remove(context, folder, isPart);
  const whole = (await readdir(folder)).includes(recipe);
  if (!whole) await build(context, folder);
  const link = join(folder, 'current');
  await rm(`${link}.new`, { force: true });
  await symlink(recipe, `${link}.new`);
  await rename(`${link}.new`, link);
  await remove(context, folder, (name) => name !== recipe);
}

/** Removes run times by name, but none that a process still has as its root. */
async function remove(context: SetupContext, folder: string, chosen: (name: string) => boolean): Promise<void> {
  const used = await rootsInUse();
  const entries = await readdir(folder, { withFileTypes: true });
  const old = entries
    .filter((entry) => entry.isDirectory() && chosen(entry.name))
    .map((entry) => join(folder, entry.name))
    .filter((path) => !used.some((root) => root.startsWith(`${path}/`)));
  if (old.length > 0) await runAsRoot(context, ['sh', builder(context), 'remove', ...old], join(folder, 'remove.log'));
}

/** What a set-up that was interrupted leaves behind. */
function isPart(name: string): boolean {
  return name.endsWith('.part');
}

async function assertRoom(folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= roomNeeded) return;
  throw new NakhodaError('setup.failed', {
    message: `VirtualBox's run time needs 2 GB at ${folder}, and ${Math.floor((bavail * bsize) / 1e6)} MB are free.`,
    hint: 'Free some space, or set XDG_CACHE_HOME to a folder on a larger disk.',
  });
}

async function build(context: SetupContext, folder: string): Promise<void> {
  await assertRoom(folder);
  const part = join(folder, `${recipe}.part`);
  const settings = join(folder, 'settings.part');
  await mkdir(settings, { mode: 0o700 });
  try {
    const apt = aptSettings((await exec(['apt-config', 'dump', '--format', aptConfigFormat])).stdout);
    await writeFile(join(settings, 'apt.conf'), apt.conf);
    await writeFile(join(settings, 'wgetrc'), apt.wgetrc);
    await writeFile(join(settings, 'files'), apt.files.map((file) => `${file}\n`).join(''));
    const targets = await exec(['apt-get', 'indextargets', '--format', indexTargetFormat]);
    const owner = `${process.getuid?.()}:${process.getgid?.()}`;
    await runAsRoot(
      { ...context, env: { ...apt.proxies, ...context.env } },
      ['sh', builder(context), 'build', part, owner, settings, ...debianMirrors(targets.stdout)],
      join(folder, 'setup.log'),
    );
    await rename(part, join(folder, recipe));
  } finally {
    await remove(context, folder, isPart);
  }
}

function builder({ checkout }: SetupContext): string {
  return join(checkout, 'apps', 'daemon', 'src', 'setup', 'virtualbox-root.sh');
}

async function runAsRoot(context: SetupContext, argv: string[], log: string): Promise<void> {
  const caller = { uid: process.getuid?.() ?? 0, terminal: process.stdin.isTTY && process.stderr.isTTY };
  const code = await runProgram(asRoot(argv, caller), { env: context.env, log, tellsProgress: true });
  if (code === 0) return;
  throw new NakhodaError('setup.failed', {
    message: `VirtualBox's run time could not be made. The end of ${log}:\n${await logTail(log)}`,
    hint: 'Check that the Debian mirror can be reached, then run `nakhoda setup virtualbox` again; what was begun is made anew.',
    details: { log },
  });
}

/** The root folders of all processes that we may look at. */
async function rootsInUse(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const roots = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/root`).catch(() => '/')));
  return [...new Set(roots)];
}
