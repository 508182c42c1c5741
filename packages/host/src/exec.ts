import { spawn } from 'node:child_process';

import { NakhodaError } from '@nakhoda/schema';

export interface ExecOptions {
  /** Milliseconds until the program is ended with SIGKILL and `exec.timeout` thrown. Default 30,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Written to standard input, which is closed afterwards. Without it standard input is empty. */
  input?: string | Uint8Array;
  /** Added to the daemon's own environment. */
  env?: Record<string, string>;
  cwd?: string;
  /** Exit codes that are answers, not failures. Default `[0]`. */
  okExitCodes?: readonly number[];
  /** Bytes kept of each output; more is an error. Default 16 MiB. */
  maxOutputBytes?: number;
  /** Called with each piece of standard output as it comes; it is kept as well. */
  onStdout?: (text: string) => void;
  /**
   * Asked every 100 ms whether the program has done all its work and only fails to end. Where it says so twice running,
   * the program is ended, and what it printed so far is the result, with exit code 0 and `cutOff`.
   */
  isDone?: (pid: number) => boolean;
}

export interface ExecResult {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** True when the program was ended because `isDone` said so: what it had not printed yet is lost. */
  cutOff?: boolean;
}

/** Milliseconds between two questions of `isDone`. */
const askEveryMs = 100;

/**
 * Runs a program to its end. argv[0] is looked up in PATH; there is no shell anywhere.
 * Locale is C.UTF-8, so that what comes out can be parsed.
 *
 * Written over `node:child_process` rather than a library because everything wanted of one (time limit, abort,
 * limits, our errors) is these few lines, and every start-up of the daemon would pay for its import.
 *
 * @throws NakhodaError `exec.not-found`, `exec.timeout`, or `exec.failed` with the end of stderr in the message.
 */
export function exec(argv: readonly [string, ...string[]] | readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const [program, ...args] = argv;
  if (program === undefined) throw new TypeError('exec needs a program');
  const { timeoutMs = 30_000, okExitCodes = [0], maxOutputBytes = 16 * 1024 * 1024 } = options;
  options.signal?.throwIfAborted();

  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[], bytes: 0 };
    let failure: Error | undefined;
    const end = (error: Error): void => {
      failure ??= error;
      child.kill('SIGKILL');
      // A grandchild may hold the pipes open; the caller must not wait for it.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(() => end(timeoutError(program, args, timeoutMs)), timeoutMs);
    const onAbort = (): void => end(options.signal?.reason instanceof Error ? options.signal.reason : new Error('aborted'));
    options.signal?.addEventListener('abort', onAbort, { once: true });

    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        output.bytes += chunk.length;
        if (output.bytes > maxOutputBytes) end(failedError(program, args, 'printed more than it may', ''));
        else output[name].push(chunk);
      });
    }
    const { onStdout } = options;
    if (onStdout) child.stdout.on('data', (chunk: Buffer) => onStdout(chunk.toString('latin1')));
    let cutOff = false;
    const { isDone } = options;
    let saidDone = false;
    const asking =
      isDone &&
      setInterval(() => {
        const done = child.pid !== undefined && isDone(child.pid);
        if (done && saidDone) cutOff = child.kill('SIGKILL');
        saidDone = done;
      }, askEveryMs);
    child.once('exit', () => clearInterval(asking));
    // EPIPE: the program ended without reading its input, which its exit code tells better.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');

    const finish = (error: Error | undefined, result?: ExecResult): void => {
      clearTimeout(timer);
      clearInterval(asking);
      options.signal?.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else if (result) resolve(result);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      finish(failure ?? (error.code === 'ENOENT' ? notFoundError(program) : failedError(program, args, error.message, '')));
    });
    child.on('close', (code, signalName) => {
      const stdout = Buffer.concat(output.stdout).toString('utf8');
      const stderr = Buffer.concat(output.stderr).toString('utf8');
      if (failure) finish(failure);
      else if (cutOff && code === null) finish(undefined, { exitCode: 0, stdout, stderr, cutOff });
      else if (code !== null && okExitCodes.includes(code)) finish(undefined, { exitCode: code, stdout, stderr });
      else
        finish(failedError(program, args, code === null ? `was ended by ${signalName}` : `ended with exit code ${code}`, stderr || stdout));
    });
  });
}

function notFoundError(program: string): NakhodaError {
  return new NakhodaError('exec.not-found', {
    message: `The program ${program} is not installed, or not in PATH.`,
    hint: 'Run `./nakhoda setup`, which installs what is missing.',
    details: { program },
  });
}

function timeoutError(program: string, args: readonly string[], timeoutMs: number): NakhodaError {
  return new NakhodaError('exec.timeout', {
    message: `${program} did not end within ${timeoutMs / 1000} s and was stopped.`,
    hint: 'Look whether the host is overloaded or the program hangs, then try again.',
    details: { argv: [program, ...args] },
  });
}

function failedError(program: string, args: readonly string[], what: string, output: string): NakhodaError {
  const tail = output.trim().slice(-2000);
  return new NakhodaError('exec.failed', {
    message: `${program} ${what}${tail === '' ? '.' : `: ${tail}`}`,
    hint: "The program's own words above say what it missed.",
    details: { argv: [program, ...args] },
  });
}
