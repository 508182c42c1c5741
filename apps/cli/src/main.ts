import { enableCompileCache } from 'node:module';

import { compiledFolder } from './daemon-program.ts';

// Types are stripped and sources compiled once, not at every start: half of what a short command takes.
enableCompileCache(compiledFolder());

const { run } = await import('./run.ts');
process.exitCode = await run(process.argv.slice(2));
