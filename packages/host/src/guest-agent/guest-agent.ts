import { NakhodaError } from '@nakhoda/schema';

import type { GuestChannel } from '../serial/guest-channel.ts';
import { waitFor } from '../wait.ts';
import { AgentConnection, AgentRefusal } from './agent-connection.ts';
import { type AgentCalls, createAgentCalls } from './agent-calls.ts';
import { execThroughAgent } from './agent-exec.ts';
import { word } from './guest-words.ts';

export interface GuestAgentOptions {
  /** The Unix socket of the agent's channel; this holds its one connection. */
  socketPath: string;
  /** A UART carries about 11 KB/s, so requests on it are kept small. */
  channel: 'virtio' | 'uart';
}

export interface GuestAgent extends GuestChannel {
  /** True while the hypervisor holds the other end of the channel, after a first call. */
  readonly connected: boolean;
  /**
   * Makes the guest's file systems stand still and gives their number. Always followed by `thaw`, also after a failure.
   * @throws NakhodaError `guest.refused`, as all that follow
   */
  freeze(options: { signal?: AbortSignal }): Promise<number>;
  /** Gives how many go on now; 0 when none stood still. */
  thaw(options: { signal?: AbortSignal }): Promise<number>;
  isFrozen(options: { signal?: AbortSignal }): Promise<boolean>;
  /** `crypted`: the password is a hash as crypt(3) makes it. */
  setPassword(options: { user: string; password: string; crypted: boolean; signal?: AbortSignal }): Promise<void>;
  /** Asks the guest to power itself off, and does not wait for it. */
  shutdown(options: { signal?: AbortSignal }): Promise<void>;
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
    writeFile: ({ path, data, mode, signal }) =>
      refusalsAs(fileRefused(path), () => writeFile(calls, path, data, { chunkBytes, mode, ...(signal ? { signal } : {}) })),
    facts: (call) => calls.facts(call),
    addresses: ({ signal }) => refusalsAs(execRefused, () => calls.networkInterfaces({ timeoutMs: 5_000, ...(signal ? { signal } : {}) })),
    freeze: (call) => refusalsAs(refused, () => calls.freeze(call)),
    thaw: (call) => refusalsAs(refused, () => calls.thaw(call)),
    isFrozen: (call) => refusalsAs(refused, () => calls.isFrozen(call)),
    setPassword: ({ user, password, crypted, signal }) =>
      refusalsAs(refused, () => calls.setPassword(user, password, crypted, signal ? { signal } : {})),
    shutdown: (call) =>
      refusalsAs(refused, async () => {
        try {
          await calls.shutdown(call);
        } catch (error) {
          // A guest that went at once took the channel with it.
          if (!(error instanceof NakhodaError && error.code === 'guest.no-agent') || connection.connected) throw error;
        }
      }),
    close: () => connection.close(),
  };
}

async function readFile(calls: AgentCalls, path: string, maxBytes: number, chunkBytes: number, options: { signal?: AbortSignal }) {
  const handle = await calls.fileOpen(path, 'rb', options);
  const deadline = transferDeadline(maxBytes);
  try {
    const parts: Uint8Array[] = [];
    for (let total = 0; ;) {
      if (performance.now() >= deadline) throw tooSlowError(path);
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

async function writeFile(
  calls: AgentCalls,
  path: string,
  data: Uint8Array,
  { chunkBytes, mode, ...options }: { chunkBytes: number; mode: string | undefined; signal?: AbortSignal },
) {
  const handle = await calls.fileOpen(path, 'wb', options);
  const deadline = transferDeadline(data.length);
  let written = 0;
  try {
    // Before it has content, so that nobody else reads what is not for them.
    if (mode !== undefined) await changeMode(calls, path, mode, options);
    while (written < data.length) {
      if (performance.now() >= deadline) throw tooSlowError(path);
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

/** The agent itself has no command for it. */
async function changeMode(calls: AgentCalls, path: string, mode: string, options: { signal?: AbortSignal }): Promise<void> {
  const pid = await calls.execStart(['chmod', mode, '--', path], { capture: true }, options);
  const ended = await waitFor(
    async () => {
      const status = await calls.execStatus(pid, options);
      return status.exited ? status : null;
    },
    { timeoutMs: 10_000, ...options },
  );
  if (ended?.exitCode === 0) return;
  const reason = word(Buffer.from(ended?.stderr ?? []).toString('utf8'));
  throw new AgentRefusal(`its permissions could not be set (${reason ?? 'no reason given'})`);
}

/** 30 s, and what the slowest channel (115,200 baud) needs for the bytes as base64, twice. */
function transferDeadline(bytes: number): number {
  return performance.now() + 30_000 + bytes / 4;
}

function tooSlowError(path: string): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: `The guest agent was too slow with ${path}.`,
    hint: 'Look whether the guest hangs or is overloaded, then try again; large files go better over the network.',
  });
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

function refused(reason: string): NakhodaError {
  return new NakhodaError('guest.refused', {
    message: `The guest agent refused: ${word(reason) ?? 'it gave no reason'}.`,
    hint: "Look at the agent's version and configuration in the guest, and whether its file systems are frozen.",
  });
}

function fileRefused(path: string): (reason: string) => NakhodaError {
  return (reason) =>
    new NakhodaError('guest.file-failed', {
      message: `The guest could not read or write ${path}: ${reason}.`,
      hint: 'Check the path and the free space in the guest.',
    });
}
