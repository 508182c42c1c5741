import { NakhodaError } from '@nakhoda/schema';

import type { GuestChannel } from '../serial/guest-channel.ts';
import { AgentConnection, AgentRefusal } from './agent-connection.ts';
import { type AgentCalls, createAgentCalls } from './agent-calls.ts';
import { execThroughAgent } from './agent-exec.ts';

export interface GuestAgentOptions {
  /** The Unix socket of the agent's channel; this holds its one connection. */
  socketPath: string;
  /** A UART carries about 11 KB/s, so requests on it are kept small. */
  channel: 'virtio' | 'uart';
}

export interface GuestAgent extends GuestChannel {
  /** True while the hypervisor holds the other end of the channel, after a first call. */
  readonly connected: boolean;
  /** Makes the guest's file systems stand still and gives their number. Always followed by `thaw`, also after a failure. */
  freeze(options: { signal?: AbortSignal }): Promise<number>;
  thaw(options: { signal?: AbortSignal }): Promise<number>;
  /** Ends the connection. */
  close(): void;
}

/** QEMU's guest agent (qemu-ga 2.12 or newer) in a guest, over virtio-serial or a UART. Connects at the first call. */
export function createGuestAgent(options: GuestAgentOptions): GuestAgent {
  const connection = new AgentConnection({ socketPath: options.socketPath });
  const calls = createAgentCalls(connection);
  const chunkBytes = options.channel === 'uart' ? 6 * 1024 : 48 * 1024;

  return {
    get connected() {
      return connection.connected;
    },
    async probe({ timeoutMs, signal }) {
      try {
        await calls.ping({ timeoutMs, ...(signal ? { signal } : {}) });
        return true;
      } catch (error) {
        if (signal?.aborted) throw error;
        return false;
      }
    },
    exec: (command) => refusalsAs(execRefused, () => execThroughAgent(calls, command, chunkBytes)),
    readFile: ({ path, maxBytes, signal }) =>
      refusalsAs(fileRefused(path), () => readFile(calls, path, maxBytes, chunkBytes, signal ? { signal } : {})),
    writeFile: ({ path, data, signal }) =>
      refusalsAs(fileRefused(path), () => writeFile(calls, path, data, chunkBytes, signal ? { signal } : {})),
    addresses: ({ signal }) => refusalsAs(execRefused, () => calls.networkInterfaces({ timeoutMs: 5_000, ...(signal ? { signal } : {}) })),
    freeze: (call) => refusalsAs(execRefused, () => calls.freeze(call)),
    thaw: (call) => refusalsAs(execRefused, () => calls.thaw(call)),
    close: () => connection.close(),
  };
}

async function readFile(calls: AgentCalls, path: string, maxBytes: number, chunkBytes: number, options: { signal?: AbortSignal }) {
  const handle = await calls.fileOpen(path, 'rb', options);
  try {
    const parts: Uint8Array[] = [];
    for (let total = 0; ;) {
      const part = await calls.fileRead(handle, Math.min(chunkBytes, maxBytes + 1 - total), options);
      if (part.length === 0) return Buffer.concat(parts);
      total += part.length;
      if (total > maxBytes) throw new AgentRefusal(`it has more than the ${maxBytes} bytes asked for at most`);
      parts.push(part);
    }
  } finally {
    await closeFile(calls, handle);
  }
}

async function writeFile(calls: AgentCalls, path: string, data: Uint8Array, chunkBytes: number, options: { signal?: AbortSignal }) {
  const handle = await calls.fileOpen(path, 'wb', options);
  let written = 0;
  try {
    while (written < data.length) {
      const count = await calls.fileWrite(handle, data.subarray(written, written + chunkBytes), options);
      if (count <= 0) throw new AgentRefusal(`only ${written} of ${data.length} bytes were written`);
      written += count;
    }
  } catch (error) {
    await closeFile(calls, handle);
    throw error;
  }
  // Closing writes what the agent still holds, so its failure is the write's.
  await calls.fileClose(handle, options);
}

async function closeFile(calls: AgentCalls, handle: number): Promise<void> {
  await calls.fileClose(handle, { timeoutMs: 3_000 }).catch(() => undefined);
}

async function refusalsAs<T>(toError: (reason: string) => NakhodaError, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof AgentRefusal ? toError(error.message) : error;
  }
}

function execRefused(reason: string): NakhodaError {
  return new NakhodaError('guest.exec-failed', {
    message: `The guest agent refused: ${reason}.`,
    hint: "Look at the agent's configuration in the guest; some distributions block guest-exec.",
  });
}

function fileRefused(path: string): (reason: string) => NakhodaError {
  return (reason) =>
    new NakhodaError('guest.file-failed', {
      message: `The guest could not read or write ${path}: ${reason}.`,
      hint: 'Check the path and the free space in the guest.',
    });
}
