import { createReadStream, createWriteStream } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Bytes read or written at once: a page fault of the guest waits for them. */
const chunkBytes = 1024 * 1024;

export interface MemoryReceiver extends AsyncDisposable {
  /** Bytes written when the sender has said its last and all of it is on the disk; rejects when it could not be written. */
  readonly whole: Promise<number>;
}

/**
 * Listens on a Unix socket for one sender, QEMU, and writes what it sends to a new file: QEMU itself can make no file
 * in its sandbox without a descriptor that Node cannot hand over. Once disposed of, nothing more is written.
 */
export async function receiveMemory(socketPath: string, filePath: string, handOver: (path: string) => Promise<void>): Promise<MemoryReceiver> {
  await rm(socketPath, { force: true });
  await rm(filePath, { force: true });
  const { promise: whole, resolve, reject } = Promise.withResolvers<number>();
  // Whoever stops waiting for QEMU before this is told why by QEMU.
  whole.catch(() => undefined);
  let sender: Socket | null = null;
  const server = createServer({ highWaterMark: chunkBytes }, (socket) => {
    if (sender) {
      socket.destroy();
      return;
    }
    sender = socket;
    server.close();
    write(socket, filePath).then(resolve, reject);
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(socketPath, listening);
  });
  const dispose = async (): Promise<void> => {
    if (!sender) reject(new Error('QEMU sent no memory.'));
    sender?.destroy();
    server.close();
    await whole.catch(() => undefined);
    await rm(socketPath, { force: true });
  };
  try {
    await handOver(socketPath);
  } catch (error) {
    await dispose();
    throw error;
  }
  return { whole, [Symbol.asyncDispose]: dispose };
}

async function write(socket: Socket, path: string): Promise<number> {
  const file = createWriteStream(path, { flags: 'wx', mode: 0o600, highWaterMark: 4 * chunkBytes, flush: true });
  await pipeline(socket, file);
  return file.bytesWritten;
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
