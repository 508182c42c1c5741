import { posix } from 'node:path';

import { GuestFileError, type GuestFiles } from './guest-files.ts';
import { parseShell, type Redirect, type ShellCommand, ShellSyntaxError, type Word } from './parse-shell.ts';

/** What a command of the guest works with. */
export interface GuestIo {
  files: GuestFiles;
  stdin: Uint8Array;
  /** Text is written as UTF-8. */
  stdout: (data: Uint8Array | string) => void;
  stderr: (data: Uint8Array | string) => void;
  /** Of the shell it runs in; a program cannot change its parent's. */
  variables: Record<string, string>;
  /** Aborted when the command's time is over or the guest has lost its power. */
  signal: AbortSignal;
  /** Cores of the machine. */
  cores: number;
  /** Ends the guest, as seen from inside. */
  power(action: 'off' | 'reboot'): void;
  commands: Readonly<Record<string, GuestCommand>>;
}

/** A program of the guest: arguments without its name; gives the exit code. */
export type GuestCommand = (args: readonly string[], io: GuestIo) => Promise<number> | number;

/** The program of that name or path, or undefined. */
export function findCommand(name: string, io: GuestIo): GuestCommand | undefined {
  const plain = name.startsWith('/bin/') ? name.slice('/bin/'.length) : name;
  return Object.hasOwn(io.commands, plain) ? io.commands[plain] : undefined;
}

/** Absolute form of a path in the guest. */
export function resolvePath(path: string, io: GuestIo): string {
  return posix.resolve(io.variables['PWD'] ?? '/', path);
}

/** Runs a program as `exec` does, without a shell; undefined when there is no such program. */
export async function runProgram(argv: readonly string[], io: GuestIo): Promise<number | undefined> {
  const [name = '', ...args] = argv;
  const command = findCommand(name, io);
  if (!command) return undefined;
  try {
    return await command(args, io);
  } catch (error) {
    if (!(error instanceof GuestFileError)) throw error;
    io.stderr(`${name}: ${error.message}\n`);
    return 1;
  }
}

class ShellExit extends Error {
  readonly code: number;
  constructor(code: number) {
    super();
    this.code = code;
  }
}

/** Runs a line of shell; `positional` are $0, $1 and so on. Gives the exit code, and `exited` when the line said so. */
export async function runShell(line: string, io: GuestIo, positional: readonly string[]): Promise<{ code: number; exited: boolean }> {
  let code = 0;
  try {
    for (const { when, pipeline } of parseShell(line)) {
      if ((when === 'success' && code !== 0) || (when === 'failure' && code === 0)) continue;
      io.signal.throwIfAborted();
      code = await runPipeline(pipeline, io, positional, code);
    }
    return { code, exited: false };
  } catch (error) {
    if (error instanceof ShellExit) return { code: error.code, exited: true };
    if (!(error instanceof ShellSyntaxError)) throw error;
    io.stderr(`sh: syntax error: ${error.message}\n`);
    return { code: 2, exited: false };
  }
}

async function runPipeline(pipeline: ShellCommand[], io: GuestIo, positional: readonly string[], lastCode: number): Promise<number> {
  let code = 0;
  let stdin = io.stdin;
  for (const [index, command] of pipeline.entries()) {
    const piped: Uint8Array[] = [];
    const isLast = index === pipeline.length - 1;
    const stdout = isLast ? io.stdout : (data: Uint8Array | string) => void piped.push(Buffer.from(data));
    code = await runCommand(command, { ...io, stdin, stdout }, positional, lastCode);
    stdin = Buffer.concat(piped);
  }
  return code;
}

async function runCommand(command: ShellCommand, io: GuestIo, positional: readonly string[], lastCode: number): Promise<number> {
  const expand = (word: Word): string[] => expandWord(word, io, positional, lastCode);
  const argv = command.words.flatMap(expand);
  const assigned = command.assignments.map(({ name, value }) => [name, expand(value).join(' ')] as const);
  try {
    const redirected = applyRedirects(command.redirects, io, expand);
    const [name, ...args] = argv;
    if (name === undefined) {
      Object.assign(io.variables, Object.fromEntries(assigned));
      return 0;
    }
    const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
    if (builtin) return builtin(args, redirected, lastCode);
    const own = { ...redirected, variables: { ...io.variables, ...Object.fromEntries(assigned) } };
    const code = await runProgram(argv, own);
    if (code === undefined) redirected.stderr(`sh: ${name}: not found\n`);
    return code ?? 127;
  } catch (error) {
    if (!(error instanceof GuestFileError)) throw error;
    io.stderr(`sh: ${error.message}\n`);
    return 1;
  }
}

/** Commands that work on the shell itself. */
const builtins: Record<string, (args: readonly string[], io: GuestIo, lastCode: number) => number> = {
  exit: ([code], _io, lastCode) => {
    throw new ShellExit(code === undefined ? lastCode : Number(code) & 0xff);
  },
  cd: ([path = '/root'], io) => {
    const folder = resolvePath(path, io);
    if (!io.files.isFolder(folder)) throw new GuestFileError(`cd: can't cd to ${path}: No such file or directory`);
    io.variables['PWD'] = folder;
    return 0;
  },
  export: (args, io) => {
    for (const argument of args) {
      const [name = '', ...value] = argument.split('=');
      if (argument.includes('=')) io.variables[name] = value.join('=');
    }
    return 0;
  },
};

function applyRedirects(redirects: Redirect[], io: GuestIo, expand: (word: Word) => string[]): GuestIo {
  const result = { ...io };
  const set = (from: number, write: GuestIo['stdout']): void => {
    if (from === 2) result.stderr = write;
    else result.stdout = write;
  };
  for (const { from, to } of redirects) {
    if ('stream' in to) set(from, to.stream === 2 ? result.stderr : result.stdout);
    else if ('read' in to) result.stdin = io.files.read(resolvePath(expand(to.read).join(' '), io));
    else {
      const path = resolvePath(expand('append' in to ? to.append : to.replace).join(' '), io);
      if (path === '/dev/null') {
        set(from, () => undefined);
        continue;
      }
      io.files.write(path, Buffer.alloc(0), { append: 'append' in to });
      set(from, (data) => io.files.write(path, Buffer.from(data), { append: true }));
    }
  }
  return result;
}

/** A word with its variables put in: none, one or several arguments. */
function expandWord(word: Word, io: GuestIo, positional: readonly string[], lastCode: number): string[] {
  const results: string[] = [];
  let current: string | null = null;
  for (const part of word) {
    if ('text' in part) {
      current = (current ?? '') + part.text;
      continue;
    }
    const all = part.variable === '@' || part.variable === '*';
    const values = all ? positional.slice(1) : [valueOf(part.variable, io, positional, lastCode)];
    // "$@" is one argument each; what is not quoted falls apart at its blanks.
    const pieces = part.quoted
      ? part.variable === '*'
        ? [values.join(' ')]
        : values
      : values.flatMap((value) => value.split(/\s+/u).filter(Boolean));
    for (const [index, piece] of pieces.entries()) {
      if (index > 0 && current !== null) {
        results.push(current);
        current = null;
      }
      current = (current ?? '') + piece;
    }
    // An empty quoted "$@" alone is no argument at all.
    if (all && part.quoted && pieces.length === 0 && word.every((other) => other === part || ('text' in other && other.text === '')))
      return [];
  }
  return current === null ? results : [...results, current];
}

function valueOf(name: string, io: GuestIo, positional: readonly string[], lastCode: number): string {
  if (name === '?') return String(lastCode);
  if (name === '#') return String(Math.max(0, positional.length - 1));
  if (/^\d+$/u.test(name)) return positional[Number(name)] ?? '';
  return io.variables[name] ?? '';
}
