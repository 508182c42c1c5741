import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { NakhodaError } from '@nakhoda/schema';

import { logTail, runProgram } from './run-program.ts';
import type { SetupStep } from './setup-step.ts';

/** The web page, built from its sources into apps/web/dist; a build stays for as long as its sources and libraries are the same. */
export const pageStep: SetupStep = {
  name: 'page',
  title: 'the web page',

  async ready({ checkout }) {
    const { built } = places(checkout);
    const mark = await readFile(join(built, markName), 'utf8').catch(() => null);
    return mark !== null && mark === (await sourcesHash(checkout)) ? built : null;
  },

  async run({ checkout, env }) {
    const { web, built, part } = places(checkout);
    const hash = await sourcesHash(checkout);
    const log = join(checkout, '.cache', 'page.log');
    await mkdir(dirname(log), { recursive: true });
    await rm(part, { recursive: true, force: true });
    const vite = join(checkout, 'node_modules', 'vite', 'bin', 'vite.js');
    const code = await runProgram([process.execPath, vite, 'build', web, '--outDir', part, '--emptyOutDir', '--logLevel', 'warn'], {
      env: { ...env, NODE_ENV: 'production' },
      log,
    });
    if (code !== 0) {
      await rm(part, { recursive: true, force: true });
      throw new NakhodaError('setup.failed', {
        message: `The web page could not be built. The end of ${log}:\n${await logTail(log)}`,
        hint: 'Repair what it complains about, then run `nakhoda setup page` again.',
        details: { log },
      });
    }
    await writeFile(join(part, markName), hash);
    await rm(built, { recursive: true, force: true });
    await rename(part, built);
    return built;
  },
};

const markName = '.sources';

function places(checkout: string): { web: string; built: string; part: string } {
  const web = join(checkout, 'apps', 'web');
  return { web, built: join(web, 'dist'), part: join(web, 'dist.part') };
}

/** The hash of all that decides what the page is: its sources, those of ours that it imports, and the versions of its libraries. */
async function sourcesHash(checkout: string): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of ['apps/web/src', 'apps/web/locales', 'packages/client/src', 'packages/schema/src']) {
    const entries = await readdir(join(checkout, folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'));
    for (const file of files.map(({ parentPath, name }) => join(parentPath, name)).toSorted()) await add(hash, checkout, file);
  }
  for (const file of ['package-lock.json', 'apps/web/index.html', 'apps/web/vite.config.ts', 'apps/web/lingui.config.ts']) {
    await add(hash, checkout, join(checkout, file));
  }
  return hash.digest('hex');
}

async function add(hash: ReturnType<typeof createHash>, checkout: string, file: string): Promise<void> {
  hash.update(`\0${file.slice(checkout.length)}\0`).update(await readFile(file));
}
