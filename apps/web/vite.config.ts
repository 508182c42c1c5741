import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';

import { lingui } from '@lingui/vite-plugin';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

import { xtermStrictStyles } from './xterm-strict-styles.ts';

/** Below this a compressed copy saves nothing that anybody would notice. */
const worthCompressingBytes = 1024;

/** Lays a `.br` and a `.gz` beside every text file of the build, so that the daemon compresses nothing while it serves. */
function compressed(): Plugin {
  return {
    name: 'nakhoda-compressed',
    apply: 'build',
    async writeBundle({ dir }) {
      if (dir === undefined) return;
      const entries = await readdir(dir, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && /\.(html|js|css|svg|json)$/u.test(entry.name));
      await Promise.all(
        files.map(async ({ parentPath, name }) => {
          const file = join(parentPath, name);
          const content = await readFile(file);
          if (content.length < worthCompressingBytes) return;
          await writeFile(`${file}.br`, await promisify(brotliCompress)(content));
          await writeFile(`${file}.gz`, await promisify(gzip)(content, { level: 9 }));
        }),
      );
    },
  };
}

export default defineConfig({
  plugins: [
    lingui({ cwd: import.meta.dirname, macroTransform: true, failOnMissing: true, failOnCompileError: true }),
    react(),
    xtermStrictStyles(),
    compressed(),
  ],
  build: {
    target: 'es2023',
    // A data: address in a style sheet is one more exception in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
  },
});
