import { fileURLToPath } from 'node:url';

/** The daemon's entry. The command line starts it as a program of its own and shares no code with it. */
export const daemonProgram = fileURLToPath(new URL('../../daemon/src/main.ts', import.meta.url));

/** Looks at the host without a daemon, and prints the `HostCheck` as JSON. */
export const hostCheckProgram = fileURLToPath(new URL('../../daemon/src/host-check-main.ts', import.meta.url));
