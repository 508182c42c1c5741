import type { RunningDaemon } from './daemon-process.ts';
import { keyValues } from './text.ts';

/** Where the daemon is and how to log in, for a person. The password is there only the first time. */
export function loginText({ status, ready }: RunningDaemon): string {
  return keyValues([
    ['page and API', status.url],
    ['certificate', ready === null ? '' : `self-made; SHA-256 ${ready.fingerprint}`],
    ['user', ready?.user ?? ''],
    ['password', ready?.password ? `${ready.password}   (shown this once: keep it)` : ''],
    ['data folder', status.data],
    ['process', String(status.pid)],
  ]);
}
