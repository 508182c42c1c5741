import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const chunkBytes = 1024 * 1024;
const writer = fileURLToPath(new URL('memory-writer.pl', import.meta.url));

export interface MemoryReceiver extends AsyncDisposable {
  /** Bytes written when the sender has said its last and all of it is on the disk; rejects when it could not be written. */
  readonly whole: Promise<number>;
}

/**
 * Listens on a Unix socket for one sender, QEMU, and writes what it sends to a new file. QEMU cannot do that itself:
 * in its sandbox it would need a descriptor, which Node cannot hand over. It is done by a process that outlives this
 * one, because a QEMU that loses its reader can hang for ever (see memory-writer.pl).
 */
export async function receiveMemory(
  socketPath: string,
  filePath: string,
  handOver: (path: string) => Promise<void>,
): Promise<MemoryReceiver> {
  const child = spawn('perl', [writer, socketPath, filePath], { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  child.unref();
  const ended = once(child, 'close');
  const listening = Promise.withResolvers<void>();
  const whole = Promise.withResolvers<number>();
  // Whoever stops waiting for QEMU before this is told why by QEMU.
  whole.promise.catch(() => undefined);
  const fail = (error: Error): void => {
    listening.reject(error);
    whole.reject(error);
  };
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  child.stdin.on('error', () => undefined);
  createInterface(child.stdout).on('line', (line) => {
    const [word, ...rest] = line.split(' ');
    if (word === 'listening') listening.resolve();
    else if (word === 'whole') whole.resolve(Number(rest[0]));
    else fail(new Error(`The guest's memory could not be written to ${filePath}: ${rest.join(' ')}`));
  });
  ended.then(
    () => fail(new Error(`The guest's memory was not written to ${filePath}. ${complaint}`.trim())),
    (error: unknown) => fail(error instanceof Error ? error : new Error(String(error))),
  );
  const dispose = async (): Promise<void> => {
    child.stdin.end();
    await ended.catch(() => undefined);
  };
  try {
    await listening.promise;
    await handOver(socketPath);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { whole: whole.promise, [Symbol.asyncDispose]: dispose };
}

/** Sends a file to QEMU, which listens on the Unix socket. Resolves when all is sent, rejects when QEMU hangs up before. */
export async function sendMemory(filePath: string, socketPath: string): Promise<void> {
  const socket = createConnection(socketPath);
  await pipeline(createReadStream(filePath, { highWaterMark: chunkBytes }), socket);
}

/** Size of a file of memory in bytes; null when there is none. */
export async function memoryBytes(path: string): Promise<number | null> {
  try {
    await using file = await open(path, 'r');
    return (await file.stat()).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
