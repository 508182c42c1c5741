import { readdirSync, readFileSync } from 'node:fs';

/**
 * Whether a client of VirtualBox with these threads has carried out its order and is only leaving: the thread that
 * watches the service is gone, and one that answers the service is left. Pure.
 *
 * VBoxManage 7.2.22 sometimes stays so for exactly 10 s. Leaving, it tells its pool of request threads to end
 * (`RTReqPoolRelease` in src/VBox/Runtime/common/misc/reqpool.cpp); a thread of the pool that is just about to rest takes
 * back the signal that was to wake it (`RTThreadUserReset`) and sleeps for its whole pause, which the service's client
 * library has set to 10 s (ipcDConnectService.cpp). The threads are named in the same files and in
 * VirtualBoxClientImpl.cpp.
 */
export function isLeaving(threads: readonly string[]): boolean {
  return threads.some((name) => /^DCon\d+$/u.test(name)) && !threads.includes('VBoxSVCWatcher');
}

/** The names of a process's threads; none when it is gone. */
export function threadNames(pid: number): string[] {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/comm`, 'utf8').trimEnd());
  } catch {
    // It, or one of its threads, has just ended: then there is nothing to be said yet.
    return [];
  }
}
