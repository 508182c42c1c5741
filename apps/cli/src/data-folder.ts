import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The data folder of the daemon to talk to: `--data`, else `NAKHODA_DATA`, else the user's default. Absolute. */
export function dataFolder(option: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const named = option ?? env['NAKHODA_DATA'];
  if (named) return resolve(named);
  return process.getuid?.() === 0 ? '/var/lib/nakhoda' : join(homedir(), '.local/share/nakhoda');
}

/** The daemon's Unix socket. */
export function socketPath(data: string): string {
  return join(data, 'run', 'nakhoda.sock');
}
