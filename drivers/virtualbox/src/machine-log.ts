import { open } from 'node:fs/promises';

/** What a run's `VBox.log` tells. */
export interface MachineLog {
  /** The process that writes it. */
  pid: number | null;
  /** The machine's last state by VirtualBox's API name: `Starting`, `Running`, `Paused`, `PoweredOff`, … */
  state: string | null;
  /** How many states it has told of. */
  states: number;
  /** VirtualBox's words on why the machine could not be powered up; null when it has not said that it could not. */
  powerUpFailure: string | null;
  /** What VirtualBox told its user about trouble since: runtime errors, Guru Meditations. The last one. */
  trouble: string | null;
}

/** The log with what its reader has to keep from one line to the next. */
export interface MachineLogSum extends MachineLog {
  /** The console object's last error: the reason of a failure that a later line tells. */
  words: string | null;
  /** How many more lines those words may take up; 0 when they are complete. */
  openLines: number;
}

export const emptyMachineLog: MachineLogSum = {
  pid: null,
  state: null,
  states: 0,
  powerUpFailure: null,
  trouble: null,
  words: null,
  openLines: 0,
};

const endOfWords = /\}, preserve=\w+ aResultDetail=-?\d+$/;
const mostLinesOfWords = 20;

/** Takes up one more line of a `VBox.log` (VirtualBox 7.2; every line begins with the time since the start). Pure. */
export function readLogLine(log: MachineLogSum, line: string): MachineLogSum {
  const text = line.replace(/^\d+:\d\d:\d\d\.\d{6} /, '');
  if (log.openLines > 0) {
    const complete = endOfWords.test(text);
    return { ...log, words: `${log.words ?? ''} ${text.replace(endOfWords, '')}`, openLines: complete ? 0 : log.openLines - 1 };
  }
  const error = /^ERROR \[COM\]: aRC=\w+ .*aComponent=\{ConsoleWrap\} aText=\{(.*)$/.exec(text)?.[1];
  // Driverless VirtualBox complains of its missing guest property service in every run.
  if (error !== undefined && !error.includes('VBoxGuestPropSvc')) {
    return { ...log, words: error.replace(endOfWords, ''), openLines: endOfWords.test(error) ? 0 : mostLinesOfWords };
  }
  const pid = /^Process ID: (\d+)$/.exec(text)?.[1];
  if (pid !== undefined) return { ...log, pid: log.pid ?? Number(pid) };
  const state = /^Console: Machine state changed to '([\w-]+)'/.exec(text)?.[1];
  if (state !== undefined) {
    // What had paused the guest is over when it goes on.
    const trouble = state === 'Running' && log.state === 'Paused' ? null : log.trouble;
    return { ...log, state, states: log.states + 1, trouble };
  }
  const codes = /^Power up failed \((.*)\)$/.exec(text)?.[1];
  if (codes !== undefined) return { ...log, powerUpFailure: log.words ?? codes };
  const [, id, trouble] = /^Console: VM runtime error: .*errorID=(\w+) message="(.*)"/.exec(text) ?? [];
  return trouble === undefined ? log : { ...log, trouble: id === 'DrvVD_DISKFULL' ? storageFull : trouble };
}

/** In the words that a QEMU VM has; which disk it is, VirtualBox does not say. */
export const storageFull =
  'There is no room for what the guest writes to its disks: the storage is full. Nothing is lost: make room, then resume it.';

/** Follows `VBox.log` files, reading only what came since the last look. */
export class MachineLogReader {
  readonly #files = new Map<string, { ino: number; offset: number; rest: string; log: MachineLogSum }>();

  /** What the log says now; the empty log when there is none. */
  async read(path: string): Promise<MachineLog> {
    let file;
    try {
      file = await open(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#files.delete(path);
      return emptyMachineLog;
    }
    try {
      const { ino, size } = await file.stat();
      let known = this.#files.get(path);
      if (!known || known.ino !== ino || size < known.offset) known = { ino, offset: 0, rest: '', log: emptyMachineLog };
      if (size === known.offset) return known.log;
      const buffer = Buffer.alloc(size - known.offset);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, known.offset);
      const lines = (known.rest + buffer.toString('utf8', 0, bytesRead)).split('\n');
      const rest = lines.pop() ?? '';
      const log = lines.reduce(readLogLine, known.log);
      this.#files.set(path, { ino, offset: known.offset + bytesRead, rest, log });
      return log;
    } finally {
      await file.close();
    }
  }
}
