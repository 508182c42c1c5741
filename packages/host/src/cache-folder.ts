import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * The folder for what setup builds or downloads and can make again (run times, the tiny guest):
 * `$XDG_CACHE_HOME/nakhoda`, by default `~/.cache/nakhoda`. A relative XDG_CACHE_HOME is
 * ignored, as the XDG base directory specification demands.
 */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_CACHE_HOME'];
  if (base !== undefined && isAbsolute(base)) return join(base, 'nakhoda');
  return join(env['HOME'] ?? homedir(), '.cache', 'nakhoda');
}
