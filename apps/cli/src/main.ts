import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Nothing of ours is imported before: it would be read without the cache. `./nakhoda` names the same folder, for this file.
// Types are stripped and sources compiled once, not at every start: half of what a short command takes.
// In a folder of the user's own: what lies in a shared one could be anybody's.
enableCompileCache(
  process.env['NODE_COMPILE_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nakhoda', 'compiled'),
);

const { run } = await import('./run.ts');
process.exitCode = await run(process.argv.slice(2));
