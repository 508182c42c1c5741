import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// The same folder as the command line's: a look before every start must cost as little as can be.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'nakhoda', 'compiled'));

const { setUp } = await import('./set-up.ts');
process.exitCode = await setUp(process.argv.slice(2));
