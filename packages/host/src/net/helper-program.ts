import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';

import { NakhodaError } from '@nakhoda/schema';

import { readJsonFile, writeFileAtomic } from '../atomic-file.ts';
import type { ProcessRef } from '../process.ts';
import { isAlive, processArgv, processRef, spawnDetached, terminate } from '../process.ts';
import { waitFor } from '../wait.ts';
import type { HostContext } from './host-context.ts';
import { withKeyedLock } from './keyed-lock.ts';

/** A program that outlives the daemon and serves one network or NIC. */
export interface HelperProgram {
  argv: readonly string[];
  /** Absolute path of the JSON file by which a later daemon finds the process. Lost on reboot, as the process is. */
  recordPath: string;
  /** Absolute path of the file that takes its output. */
  logPath: string;
  /** Whether it serves yet. Asked again and again while it starts. */
  ready(ref: ProcessRef): Promise<boolean>;
}

interface HelperRecord {
  ref: ProcessRef;
  argv: readonly string[];
}

const readyTimeoutMs = 10_000;
const logLimitBytes = 1024 * 1024;

/**
 * Has exactly one such process running: finds it by its record, or by its command line where its starter died
 * before writing the record; replaces it when it is dead or was started differently.
 *
 * @throws NakhodaError `exec.not-found`, or `network.failed` with the end of its log when it does not come to serve.
 */
export function ensureHelper(ctx: HostContext, program: HelperProgram): Promise<ProcessRef> {
  return withKeyedLock(program.recordPath, async () => {
    const record = await readJsonFile<HelperRecord>(program.recordPath);
    if (record && !sameArgv(record.argv, program.argv)) await terminate(record.ref, { graceMs: 2_000 });
    const found = await findHelper(program);
    if (found) {
      if (record?.ref.pid !== found.pid || record.ref.startTicks !== found.startTicks) await writeRecord(program, found);
      return found;
    }
    if (record) ctx.log(`${program.argv[0]} (process ${record.ref.pid}) is gone; starting it again`);
    return start(ctx, program);
  });
}

async function start(ctx: HostContext, program: HelperProgram): Promise<ProcessRef> {
  await mkdir(dirname(program.logPath), { recursive: true, mode: 0o700 });
  await mkdir(dirname(program.recordPath), { recursive: true, mode: 0o700 });
  const logBytes = await stat(program.logPath).then(
    ({ size }) => size,
    () => 0,
  );
  if (logBytes > logLimitBytes) await truncate(program.logPath);
  await using undo = new AsyncDisposableStack();
  const ref = await spawnDetached(program.argv, { logPath: program.logPath });
  undo.defer(() => terminate(ref, { graceMs: 500 }));
  const answer = await waitFor(async () => (isAlive(ref) ? (await program.ready(ref)) && 'ready' : 'dead'), {
    timeoutMs: readyTimeoutMs,
    pollMs: 10,
    signal: ctx.signal,
  });
  if (answer !== 'ready') {
    const lastWords = (await readFile(program.logPath, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join(' ');
    const what = answer === 'dead' ? 'ended at once' : `did not come to serve within ${readyTimeoutMs / 1000} s`;
    throw new NakhodaError('network.failed', {
      message: `${program.argv[0]} ${what}${lastWords === '' ? '' : `: ${lastWords}`}`,
      hint: `Its whole output is in ${program.logPath}.`,
      details: { argv: program.argv },
    });
  }
  await writeRecord(program, ref);
  undo.move();
  return ref;
}

/** Ends the process and removes its record and log; nothing to do is fine. Empty `argv`: whatever the record names. */
export function stopHelper(program: Pick<HelperProgram, 'argv' | 'recordPath' | 'logPath'>): Promise<void> {
  return withKeyedLock(program.recordPath, async () => {
    const record = await readJsonFile<HelperRecord>(program.recordPath);
    if (record) await terminate(record.ref, { graceMs: 2_000 });
    for (let ref = findByArgv(program.argv); ref; ref = findByArgv(program.argv)) await terminate(ref, { graceMs: 2_000 });
    await rm(program.recordPath, { force: true });
    await rm(program.logPath, { force: true });
  });
}

/** The running process, or null. */
export async function findHelper(program: Pick<HelperProgram, 'argv' | 'recordPath'>): Promise<ProcessRef | null> {
  const record = await readJsonFile<HelperRecord>(program.recordPath);
  if (record && isAlive(record.ref) && sameArgv(record.argv, program.argv)) return record.ref;
  return findByArgv(program.argv);
}

/** The command line that the recorded process was started with, or null without a record. */
export async function recordedArgv(recordPath: string): Promise<readonly string[] | null> {
  return (await readJsonFile<HelperRecord>(recordPath))?.argv ?? null;
}

function writeRecord(program: HelperProgram, ref: ProcessRef): Promise<void> {
  return writeFileAtomic(program.recordPath, `${JSON.stringify({ ref, argv: program.argv } satisfies HelperRecord)}\n`);
}

function sameArgv(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((part, index) => part === b[index]);
}

/** Command lines hold paths of the data folder, so an equal one in this network namespace is ours. */
function findByArgv(argv: readonly string[]): ProcessRef | null {
  // Kernel threads have an empty command line.
  if (argv.length === 0) return null;
  const ownNamespace = readlinkSync('/proc/self/ns/net');
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const seen = processArgv(Number(name));
    if (!seen || !sameArgv(seen, argv)) continue;
    const ref = processRef(Number(name));
    if (ref && networkNamespace(ref.pid) === ownNamespace) return ref;
  }
  return null;
}

function networkNamespace(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return null;
  }
}
