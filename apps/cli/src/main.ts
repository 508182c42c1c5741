import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Types are stripped and sources compiled once, not at every start: half of what a short command takes.
// In a folder of the user's own: what lies in a shared one could be anybody's.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nakhoda', 'compiled'));

const { run } = await import('./run.ts');
process.exitCode = await run(process.argv.slice(2));
