/** What the command line sets for the daemon's own process, to make it small (its `daemonEnvironment`). */
const own = ['NODE_COMPILE_CACHE', 'MALLOC_ARENA_MAX', 'MALLOC_TRIM_THRESHOLD_'];

/** Takes it out of what programs get that the daemon starts: a hypervisor manages memory of another size. */
export function keepToOneself(env: NodeJS.ProcessEnv): void {
  for (const name of own) delete env[name];
}
