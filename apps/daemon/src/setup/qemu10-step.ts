import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { exec, findQemuRuntime, qemu10Folder } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { aptConfigFormat, aptSettings } from './apt-settings.ts';
import { debianMirrors, indexTargetFormat } from './debian-mirrors.ts';
import { logTail, runProgram } from './run-program.ts';
import type { SetupStep } from './setup-step.ts';

/** Names the recipe in qemu10-unpack.sh; raise the number when that changes what comes out. */
const recipe = 'bookworm-backports-1';
const suite = 'bookworm';

/** QEMU 10 beside Debian 12's own: for tests, and for who names it to the daemon. Nothing is installed. */
export const qemu10Step: SetupStep = {
  name: 'qemu10',
  title: "QEMU 10, of Debian 12's backports",

  async ready({ env }) {
    const runtime = await findQemuRuntime(join(qemu10Folder(env), 'current'));
    if (runtime === null || basename(runtime.folder) !== recipe) return null;
    return `${(await readFile(join(runtime.folder, 'version'), 'utf8')).trim()} in ${runtime.folder}`;
  },

  async run(context) {
    const folder = qemu10Folder(context.env);
    await mkdir(folder, { recursive: true });
    const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
    const mirrors = debianMirrors((await exec(['apt-get', 'indextargets', '--format', indexTargetFormat])).stdout);
    if (!release.split('\n').includes(`VERSION_CODENAME=${suite}`) || mirrors.length === 0) throw notHere();
    const part = join(folder, `${recipe}.part`);
    const final = join(folder, recipe);
    const conf = join(folder, 'apt.conf.part');
    const log = join(folder, 'setup.log');
    const apt = aptSettings((await exec(['apt-config', 'dump', '--format', aptConfigFormat])).stdout);
    try {
      await writeFile(conf, apt.conf, { mode: 0o600 });
      for (const mirror of mirrors) {
        context.say(`  fetching its packages from ${mirror} (15 MB)`);
        const argv = ['sh', join(context.checkout, 'apps/daemon/src/setup/qemu10-unpack.sh'), part, final, conf, mirror, suite];
        if ((await runProgram(argv, { env: { ...apt.proxies, ...context.env }, log })) !== 0) continue;
        await rm(final, { recursive: true, force: true });
        await rename(part, final);
        await makeCurrent(folder);
        const ready = await this.ready(context);
        if (ready !== null) return ready;
      }
    } finally {
      for (const path of [part, conf]) await rm(path, { recursive: true, force: true });
    }
    throw new NakhodaError('setup.failed', {
      message: `QEMU 10 could not be unpacked. The end of ${log}:\n${await logTail(log)}`,
      hint: "Check that Debian's mirror has the suite bookworm-backports and can be reached, then run `nakhoda setup qemu10` again.",
      details: { log },
    });
  },
};

/** The link is what others know; recipes that it led to before go. */
async function makeCurrent(folder: string): Promise<void> {
  const link = join(folder, 'current');
  await rm(`${link}.new`, { force: true });
  await symlink(recipe, `${link}.new`);
  await rename(`${link}.new`, link);
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory() && entry.name !== recipe) await rm(join(folder, entry.name), { recursive: true });
}

function notHere(): NakhodaError {
  return new NakhodaError('setup.failed', {
    message: 'QEMU 10 is unpacked beside the QEMU of Debian 12 alone, from its backports, and this is another system.',
    hint: "Use the distribution's own QEMU; on Debian 13 that is QEMU 10.",
  });
}
