import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { cacheFolder, exec, findTinyIso, tinyGuestFolder } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { hasPackage, installPackages } from './packages-step.ts';
import { logTail, runProgram } from './run-program.ts';
import type { SetupContext, SetupStep } from './setup-step.ts';

/**
 * The tiny Linux guest, kept by the hash of everything that decides its content. Its kernel is
 * kept apart from it: that takes minutes to build and changes seldom.
 */
export const guestStep: SetupStep = {
  name: 'guest',
  title: 'the tiny Linux guest',

  async ready(context) {
    const iso = await findTinyIso(context.env);
    if (iso === null) return null;
    const [guest, kernel] = (await readFile(sourcesFile(context.env), 'utf8').catch(() => '')).split(' ');
    const sources = await sourcesOf(context);
    // Whoever names no kernel is content with the one in there.
    return guest === sources.guest && (sources.kernel === 'built' || kernel === sources.kernel) ? iso : null;
  },

  async run(context) {
    const folder = tinyGuestFolder(context.env);
    await mkdir(folder, { recursive: true });
    const env = { ...context.env, NAKHODA_GUEST_KERNEL: await kernel(context) };
    await installPackages({ ...context, env }, 'guest');
    const hash = await hashOf(context, ['--hash'], env);
    if (!(await readdir(folder)).includes(hash)) {
      context.say('  building its ISO image');
      await build(context, ['--out'], env, join(folder, hash));
    }
    await use(context, folder, hash);
    return join(folder, 'current', 'tiny.iso');
  },
};

/** The kernel to build with: the caller's own, or the cached one, built when it is not there. */
async function kernel(context: SetupContext): Promise<string> {
  const own = context.env['NAKHODA_GUEST_KERNEL'];
  if (own) return resolve(own);
  const folder = join(cacheFolder(context.env), 'kernel');
  await mkdir(folder, { recursive: true });
  // Asked for its effect: apt gets lists where it has none, and the hash needs the source's version.
  await hasPackage(context, 'linux-source', '0');
  const hash = await hashOf(context, ['--kernel-hash'], context.env);
  if (!(await readdir(folder)).includes(hash)) {
    await installPackages(context, 'guest');
    context.say('  building its kernel; this takes about 7 minutes on two cores, once');
    await build(context, ['--kernel', '--out'], context.env, join(folder, hash));
  }
  return join(folder, hash, 'bzImage');
}

/** Builds into a folder beside the target and renames it when it is whole. */
async function build(context: SetupContext, mode: string[], env: NodeJS.ProcessEnv, target: string): Promise<void> {
  const part = `${target}.part`;
  const log = join(tinyGuestFolder(context.env), 'setup.log');
  await rm(part, { recursive: true, force: true });
  const code = await runProgram([builder(context), ...mode, part], { env, log });
  if (code !== 0) {
    await rm(part, { recursive: true, force: true });
    throw new NakhodaError('setup.failed', {
      message: `The tiny guest could not be built. The end of ${log}:\n${await logTail(log)}`,
      hint: 'Repair what it complains about, then run `nakhoda setup guest` again.',
      details: { log },
    });
  }
  await rename(part, target);
}

/** Makes a build the current one; the one before it stays, for VMs that still have it in their drive. */
async function use(context: SetupContext, folder: string, hash: string): Promise<void> {
  const link = join(folder, 'current');
  const before = await readlink(link).catch(() => hash);
  await rm(`${link}.new`, { force: true });
  await symlink(hash, `${link}.new`);
  await rename(`${link}.new`, link);
  const sources = await sourcesOf(context);
  await writeFile(sourcesFile(context.env), `${sources.guest} ${sources.kernel}`);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory() && entry.name !== hash && entry.name !== before) {
      await rm(join(folder, entry.name), { recursive: true });
    }
  }
}

async function hashOf(context: SetupContext, mode: string[], env: NodeJS.ProcessEnv): Promise<string> {
  // Undefined values are those that the environment does not have.
  const set = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  const { stdout } = await exec([builder(context), ...mode], { env: Object.fromEntries(set) });
  const hash = stdout.trim();
  if (/^[0-9a-f]{64}$/.test(hash)) return hash;
  throw new NakhodaError('setup.failed', {
    message: `guest/build ${mode.join(' ')} printed no hash.`,
    hint: 'Restore guest/build from the repository.',
  });
}

function builder({ checkout }: SetupContext): string {
  return join(checkout, 'guest', 'build');
}

function sourcesFile(env: NodeJS.ProcessEnv): string {
  return join(tinyGuestFolder(env), 'sources');
}

/**
 * The hashes of guest/ and of the caller's own kernel. Unlike the full hash they leave out the
 * distribution's package versions, which take seconds to ask for: an update of busybox alone is
 * no reason to build anew before a daemon may start.
 */
async function sourcesOf(context: SetupContext): Promise<{ guest: string; kernel: string }> {
  const folder = join(context.checkout, 'guest');
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  // Tests and documentation are not in the image.
  const files = entries
    .filter((entry) => entry.isFile() && !/\.(ts|md)$/u.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.toSorted()) hash.update(`\0${file.slice(folder.length)}\0`).update(await readFile(file));
  return { guest: hash.digest('hex'), kernel: await ownKernelHash(context.env['NAKHODA_GUEST_KERNEL']) };
}

async function ownKernelHash(path: string | undefined): Promise<string> {
  if (!path) return 'built';
  try {
    return createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
  } catch (cause) {
    throw new NakhodaError('setup.failed', {
      message: `NAKHODA_GUEST_KERNEL names ${path}, which cannot be read.`,
      hint: 'Name a readable bzImage, or unset the variable to have a kernel built.',
      cause,
    });
  }
}
