import { open } from 'node:fs/promises';

/** What a run's `VBox.log` tells. */
export interface MachineLog {
  /** The process that writes it. */
  pid: number | null;
  /** The machine's last state by VirtualBox's API name: `Starting`, `Running`, `Paused`, `PoweredOff`, … */
  state: string | null;
  /** VirtualBox's words on why the machine could not be powered up; null when it has not said that it could not. */
  powerUpFailure: string | null;
  /** What VirtualBox told its user about trouble since: runtime errors, Guru Meditations. The last one. */
  trouble: string | null;
}

export const emptyMachineLog: MachineLog = { pid: null, state: null, powerUpFailure: null, trouble: null };

/**
 * Takes up further lines of a `VBox.log` (VirtualBox 7.2; every line begins with the time since the start).
 * Pure: gives the new sum, and keeps the last words of the console object for a failure that follows.
 */
export function readLogLines(log: MachineLog & { words?: string }, lines: readonly string[]): MachineLog & { words?: string } {
  let { pid, state, powerUpFailure, trouble, words } = log;
  let inWords = false;
  for (const line of lines) {
    const text = line.replace(/^\d\d:\d\d:\d\d\.\d{6} /, '');
    if (inWords) {
      words += ` ${text}`;
      inWords = !endOfWords.test(text);
      continue;
    }
    const error = /^ERROR \[COM\]: aRC=\w+ .*aComponent=\{ConsoleWrap\} aText=\{(.*)$/.exec(text)?.[1];
    // Driverless VirtualBox complains of its missing guest property service in every run.
    if (error !== undefined && !error.includes('VBoxGuestPropSvc')) {
      words = error;
      inWords = !endOfWords.test(error);
      continue;
    }
    const pidText = /^Process ID: (\d+)$/.exec(text)?.[1];
    if (pidText !== undefined) pid ??= Number(pidText);
    state = /^Console: Machine state changed to '(\w+)'/.exec(text)?.[1] ?? state;
    const codes = /^Power up failed \((.*)\)$/.exec(text)?.[1];
    if (codes !== undefined) powerUpFailure = words?.replace(endOfWords, '') ?? codes;
    trouble = /^Console: VM runtime error: .*message="(.*)"/.exec(text)?.[1] ?? trouble;
  }
  return { pid, state, powerUpFailure, trouble, ...(words === undefined ? {} : { words }) };
}

const endOfWords = /\}, preserve=\w+ aResultDetail=-?\d+$/;

/** Follows `VBox.log` files, reading only what came since the last look. */
export class MachineLogReader {
  readonly #files = new Map<string, { ino: number; offset: number; rest: string; log: MachineLog }>();

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
      const log = readLogLines(known.log, lines);
      this.#files.set(path, { ino, offset: known.offset + bytesRead, rest, log });
      return log;
    } finally {
      await file.close();
    }
  }
}
