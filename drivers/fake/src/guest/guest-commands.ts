import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { GuestFileError } from './guest-files.ts';
import { type GuestCommand, type GuestIo, resolvePath, runShell } from './guest-shell.ts';
import { formatPrintf } from './printf.ts';

/** The programs of the fake guest: the part of busybox that tests and demos use. */
export const guestCommands: Readonly<Record<string, GuestCommand>> = {
  'true': () => 0,
  'false': () => 1,
  'sync': () => 0,

  'echo': (args, io) => {
    const bare = args[0] === '-n';
    io.stdout(args.slice(bare ? 1 : 0).join(' ') + (bare ? '' : '\n'));
    return 0;
  },

  'printf': ([format = '', ...values], io) => {
    io.stdout(formatPrintf(format, values));
    return 0;
  },

  'cat': (args, io) => {
    if (args.length === 0) io.stdout(io.stdin);
    return each('cat', args, io, (path) => io.stdout(io.files.read(path)));
  },

  'ls': (args, io) => {
    const paths = operands(args);
    return each('ls', paths.length === 0 ? ['.'] : paths, io, (path, given) => {
      const names = io.files.isFolder(path) ? io.files.list(path) : [given];
      if (!io.files.exists(path)) throw new GuestFileError('No such file or directory');
      io.stdout(names.map((name) => `${name}\n`).join(''));
    });
  },

  'mkdir': (args, io) =>
    each('mkdir', operands(args), io, (path) => {
      if (!args.includes('-p')) return io.files.makeFolder(path);
      const folders = path.split('/').map((_, index, names) => names.slice(0, index + 1).join('/') || '/');
      for (const folder of folders) if (!io.files.isFolder(folder)) io.files.makeFolder(folder);
    }),

  'rm': (args, io) => {
    const flags = args.filter((argument) => argument.startsWith('-')).join('');
    return each('rm', operands(args), io, (path) => {
      if (flags.includes('f') && !io.files.exists(path)) return;
      if (io.files.isFolder(path) && !flags.includes('r')) throw new GuestFileError('Is a directory');
      io.files.remove(path);
    });
  },

  'touch': (args, io) => each('touch', operands(args), io, (path) => io.files.write(path, Buffer.alloc(0), { append: true })),

  'cp': (args, io) => copy('cp', args, io),
  'mv': (args, io) => {
    const code = copy('mv', args, io);
    if (code === 0) io.files.remove(resolvePath(operands(args)[0] ?? '', io));
    return code;
  },

  'sha256sum': (args, io) => {
    const line = (data: Uint8Array, name: string): void => io.stdout(`${createHash('sha256').update(data).digest('hex')}  ${name}\n`);
    if (args.length === 0) line(io.stdin, '-');
    return each('sha256sum', operands(args), io, (path, given) => line(io.files.read(path), given));
  },

  'test': (args, io) => (testExpression(args, io) ? 0 : 1),
  '[': (args, io) => (testExpression(args.slice(0, -1), io) ? 0 : 1),

  'sleep': async ([seconds], io) => {
    await delay(Number(seconds) * 1000, undefined, { signal: io.signal });
    return 0;
  },

  'sh': async ([flag, script = '', ...positional], io) => {
    if (flag !== '-c') {
      io.stderr('sh: only sh -c is understood here\n');
      return 2;
    }
    const shell = { ...io, variables: { ...io.variables } };
    return (await runShell(script, shell, positional.length === 0 ? ['sh'] : positional)).code;
  },

  'pwd': (_, io) => {
    io.stdout(`${resolvePath('.', io)}\n`);
    return 0;
  },

  'hostname': (_, io) => {
    io.stdout(io.files.read('/etc/hostname'));
    return 0;
  },

  'nproc': (_, io) => {
    io.stdout(`${io.cores}\n`);
    return 0;
  },

  'poweroff': (_, io) => {
    io.power('off');
    return 0;
  },

  'reboot': (_, io) => {
    io.power('reboot');
    return 0;
  },
};

/** Arguments without flags; all that follows `--` is none. */
function operands(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const flagged = end === -1 ? args : args.slice(0, end);
  return [...flagged.filter((argument) => !argument.startsWith('-')), ...(end === -1 ? [] : args.slice(end + 1))];
}

/** Does something to each path; a failure is printed and the next one tried. */
function each(name: string, paths: readonly string[], io: GuestIo, action: (path: string, given: string) => void): number {
  let code = 0;
  for (const given of paths) {
    try {
      action(resolvePath(given, io), given);
    } catch (error) {
      if (!(error instanceof GuestFileError)) throw error;
      io.stderr(`${name}: ${given}: ${error.message}\n`);
      code = 1;
    }
  }
  return code;
}

function copy(name: string, args: readonly string[], io: GuestIo): number {
  const [from = '', to = ''] = operands(args);
  const target = resolvePath(to, io);
  return each(name, [from], io, (path) =>
    io.files.write(io.files.isFolder(target) ? posix.join(target, posix.basename(path)) : target, io.files.read(path)),
  );
}

function testExpression(args: readonly string[], io: GuestIo): boolean {
  if (args[0] === '!') return !testExpression(args.slice(1), io);
  const [first = '', operator, third] = args;
  if (operator === '=') return first === third;
  if (operator === '!=') return first !== third;
  if (args.length === 1) return first !== '';
  const path = resolvePath(operator ?? '', io);
  if (first === '-e') return io.files.exists(path);
  if (first === '-d') return io.files.isFolder(path);
  if (first === '-f') return io.files.exists(path) && !io.files.isFolder(path);
  if (first === '-n') return operator !== '';
  if (first === '-z') return operator === '' || operator === undefined;
  return false;
}
