import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the daemon tells about itself when it is ready, in `run/ready.json` of its data folder, mode 0600. */
export interface ReadyFile {
  readonly pid: number;
  readonly url: string;
  readonly user: string;
  /** The administrator's first password, until somebody has been shown it. */
  readonly password: string | null;
  /** SHA-256 of the certificate. */
  readonly fingerprint: string;
}

/** The file of the daemon with this process id, or null while it has not written it. */
export function readReadyFile(data: string, pid: number): ReadyFile | null {
  try {
    const ready = JSON.parse(readFileSync(readyPath(data), 'utf8')) as ReadyFile;
    return ready.pid === pid ? ready : null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Takes the password out of the file: it has been shown, and is kept nowhere but as a hash. */
export function forgetPassword(data: string, ready: ReadyFile): void {
  if (ready.password === null) return;
  const temporary = `${readyPath(data)}.shown`;
  writeFileSync(temporary, `${JSON.stringify({ ...ready, password: null })}\n`, { mode: 0o600 });
  renameSync(temporary, readyPath(data));
}

function readyPath(data: string): string {
  return join(data, 'run', 'ready.json');
}
