import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';

import { isAlive, spawnDetached, terminate, waitFor } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

export interface DisplayOptions {
  /** The full command for Xvfb with these arguments. */
  command(args: readonly string[]): Promise<string[]>;
  env: Record<string, string>;
  logPath: string;
  /** Where the cookie is written. */
  authorityPath: string;
  /** Gives the cookie to whom the X server runs as. */
  handOver(path: string): Promise<void>;
  signal: AbortSignal;
}

export interface Display {
  process: ProcessRef;
  /** DISPLAY and XAUTHORITY for its clients. */
  env: Record<string, string>;
}

/** Arguments of a VM's own X server. */
export function xvfbArgs(authorityPath: string): string[] {
  return [
    // The number that it found free, on standard output as soon as it can be used.
    ...['-displayfd', '1'],
    ...['-screen', '0', '640x480x24'],
    // Only the abstract socket: it is private to the network namespace, and free numbers are found without lock files.
    ...['-nolisten', 'tcp', '-nolisten', 'unix'],
    // Without OpenGL it needs 12 MB instead of 68 (measured with X.Org 21.1.25).
    ...['-extension', 'GLX'],
    // It goes 5 s after its last client; at once would be too soon, as VirtualBoxVM looks at it once before it stays.
    ...['-terminate', '5'],
    ...['-auth', authorityPath],
  ];
}

/** An Xauthority file (libXau: lengths are 16-bit big endian) with one cookie for displays of any name and number. */
export function xauthority(cookie: Uint8Array): Uint8Array {
  const familyWild = Buffer.from([0xff, 0xff]);
  const counted = (data: Uint8Array): Buffer => Buffer.concat([Buffer.from([data.length >> 8, data.length & 0xff]), data]);
  const empty = counted(Buffer.alloc(0));
  return Buffer.concat([familyWild, empty, empty, counted(Buffer.from('MIT-MAGIC-COOKIE-1')), counted(cookie)]);
}

/**
 * Starts an X server for one VM, which outlives the daemon and ends after the VM.
 * @throws NakhodaError `hypervisor.failed` when it does not come up within 15 s.
 */
export async function startDisplay(options: DisplayOptions): Promise<Display> {
  await rm(options.logPath, { force: true });
  await rm(options.authorityPath, { force: true });
  await writeFile(options.authorityPath, xauthority(randomBytes(16)), { mode: 0o600, flag: 'wx' });
  await options.handOver(options.authorityPath);
  const process = await spawnDetached(await options.command(xvfbArgs(options.authorityPath)), {
    logPath: options.logPath,
    env: options.env,
  });
  try {
    const outcome = await waitFor(
      async () => {
        const output = await readFile(options.logPath, 'utf8');
        return /^(\d+)\n/m.exec(output)?.[1] ?? (isAlive(process) ? null : `it ended: ${output.trim()}`);
      },
      { timeoutMs: 15_000, pollMs: 20, signal: options.signal },
    );
    if (outcome === null || !/^\d+$/.test(outcome)) throw displayError(outcome ?? 'it did not come up within 15 s');
    return { process, env: { DISPLAY: `:${outcome}`, XAUTHORITY: options.authorityPath } };
  } catch (error) {
    await terminate(process, { graceMs: 1000 });
    throw error;
  }
}

function displayError(reason: string): NakhodaError {
  return new NakhodaError('hypervisor.failed', {
    message: `The X server Xvfb, which VirtualBox's interpreter needs, could not be started: ${reason.slice(-1000)}`,
    hint: 'Install Xvfb, or run `./nakhoda setup virtualbox`.',
  });
}
