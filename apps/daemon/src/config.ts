import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where everything of one daemon lies. All paths absolute. */
export interface DataFolders {
  root: string;
  database: string;
  images: string;
  iso: string;
  networks: string;
  run: string;
  log: string;
  auth: string;
  virtualbox: string;
}

export interface DaemonConfig {
  folders: DataFolders;
  node: 'local';
  /** Address that HTTPS listens on. */
  host: string;
  /** TCP port of HTTPS; 0 lets the kernel choose. */
  port: number;
  /**
   * Marks what this daemon makes on the host (bridges, taps, nft tables), so that two daemons with
   * different data folders never touch each other's; see `networkOwner`.
   */
  owner: string;
  /** Drivers to load. `fake` is for tests and demos only. */
  hypervisors: readonly ('qemu' | 'virtualbox' | 'fake')[];
}

/** `NAKHODA_DATA`, else `/var/lib/nakhoda` for root and `~/.local/share/nakhoda` for anybody else. */
export function defaultDataFolder(env: NodeJS.ProcessEnv): string {
  if (env['NAKHODA_DATA']) return resolve(env['NAKHODA_DATA']);
  return process.getuid?.() === 0 ? '/var/lib/nakhoda' : join(homedir(), '.local/share/nakhoda');
}

export function dataFolders(root: string): DataFolders {
  return {
    root,
    database: join(root, 'nakhoda.db'),
    images: join(root, 'images'),
    iso: join(root, 'iso'),
    networks: join(root, 'networks'),
    run: join(root, 'run'),
    log: join(root, 'log'),
    auth: join(root, 'auth'),
    virtualbox: join(root, 'virtualbox'),
  };
}

/** Makes the folders that are missing, readable by their owner alone. */
export function makeDataFolders(folders: DataFolders): void {
  const { database: _database, ...directories } = folders;
  for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true, mode: 0o700 });
}
