import { type GuestFacts, NakhodaError } from '@nakhoda/schema';

import { type AgentConnection, AgentRefusal, isObject } from './agent-connection.ts';
import { readAgentFacts } from './agent-facts.ts';

export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface ExecStatus {
  exited: boolean;
  exitCode: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

const usualTimeoutMs = 10_000;

/** The agent's commands that are used, each with its answer checked. */
export function createAgentCalls(connection: Pick<AgentConnection, 'call'>) {
  const call = (name: string, args: Record<string, unknown> | undefined, options: CallOptions): Promise<unknown> =>
    connection.call(name, args, {
      timeoutMs: options.timeoutMs ?? usualTimeoutMs,
      ...(options.signal ? { signal: options.signal } : {}),
    });

  return {
    async ping(options: CallOptions): Promise<void> {
      await call('guest-ping', undefined, { timeoutMs: 3_000, ...options });
    },

    /** Gives the pid of the started program. */
    async execStart(argv: readonly string[], how: { capture: boolean; input?: Uint8Array }, options: CallOptions): Promise<number> {
      const [path, ...arg] = argv;
      const input = how.input === undefined ? {} : { 'input-data': Buffer.from(how.input).toString('base64') };
      const answer = await call(
        'guest-exec',
        { path, arg, 'capture-output': how.capture, ...input },
        // The slowest channel carries 11 KB/s.
        { timeoutMs: usualTimeoutMs + (how.input?.length ?? 0) / 4, ...options },
      );
      return integer(member(answer, 'pid'), 'pid');
    },

    /** Forgets the program once it has said that it ended, as the agent does. */
    async execStatus(pid: number, options: CallOptions): Promise<ExecStatus> {
      const answer = await call('guest-exec-status', { pid }, options);
      const signal = member(answer, 'signal');
      return {
        exited: member(answer, 'exited') === true,
        exitCode: signal === undefined ? integer(member(answer, 'exitcode') ?? 0, 'exitcode') : 128 + integer(signal, 'signal'),
        stdout: base64(member(answer, 'out-data') ?? '', 'out-data'),
        stderr: base64(member(answer, 'err-data') ?? '', 'err-data'),
      };
    },

    /** Gives the handle. */
    async fileOpen(path: string, mode: 'rb' | 'wb', options: CallOptions): Promise<number> {
      return integer(await call('guest-file-open', { path, mode }, options), 'handle');
    },

    /** Up to `count` bytes from where the handle stands; none at the end of the file. */
    async fileRead(handle: number, count: number, options: CallOptions): Promise<Uint8Array> {
      const answer = await call('guest-file-read', { handle, count }, options);
      const data = base64(member(answer, 'buf-b64'), 'buf-b64');
      if (data.length > count) throw nonsenseError('buf-b64');
      return data;
    },

    /** Gives the number of bytes that were written. */
    async fileWrite(handle: number, data: Uint8Array, options: CallOptions): Promise<number> {
      const answer = await call('guest-file-write', { handle, 'buf-b64': Buffer.from(data).toString('base64') }, options);
      return integer(member(answer, 'count'), 'count');
    },

    async fileClose(handle: number, options: CallOptions): Promise<void> {
      await call('guest-file-close', { handle }, options);
    },

    async networkInterfaces(options: CallOptions): Promise<{ mac: string; address: string }[]> {
      return readInterfaces(await call('guest-network-get-interfaces', undefined, options));
    },

    /** What the guest says of itself; a command that the agent lacks or refuses leaves its part empty. */
    async facts(options: CallOptions): Promise<GuestFacts> {
      const ask = async (name: string): Promise<unknown> => {
        try {
          return await call(name, undefined, { timeoutMs: 5_000, ...options });
        } catch (error) {
          if (error instanceof AgentRefusal) return undefined;
          throw error;
        }
      };
      return readAgentFacts({
        freeze: await ask('guest-fsfreeze-status'),
        os: await ask('guest-get-osinfo'),
        hostname: await ask('guest-get-host-name'),
        fsinfo: await ask('guest-get-fsinfo'),
        interfaces: await ask('guest-network-get-interfaces'),
        users: await ask('guest-get-users'),
      });
    },

    /** Gives the number of file systems that stand still now. */
    async freeze(options: CallOptions): Promise<number> {
      return integer(await call('guest-fsfreeze-freeze', undefined, { timeoutMs: 60_000, ...options }), 'count');
    },

    async thaw(options: CallOptions): Promise<number> {
      return integer(await call('guest-fsfreeze-thaw', undefined, options), 'count');
    },

    async isFrozen(options: CallOptions): Promise<boolean> {
      const status = await call('guest-fsfreeze-status', undefined, options);
      if (status !== 'frozen' && status !== 'thawed') throw nonsenseError('fsfreeze-status');
      return status === 'frozen';
    },

    async setPassword(user: string, password: string, crypted: boolean, options: CallOptions): Promise<void> {
      await call('guest-set-user-password', { username: user, password: Buffer.from(password).toString('base64'), crypted }, options);
    },

    /** Asks the guest to power itself off. The agent answers only when it could not (Guest Agent Protocol Reference). */
    async shutdown(options: CallOptions): Promise<void> {
      try {
        await call('guest-shutdown', { mode: 'powerdown' }, { timeoutMs: 3_000, ...options });
      } catch (error) {
        if (!(error instanceof NakhodaError && error.code === 'guest.timeout')) throw error;
      }
    },
  };
}

export type AgentCalls = ReturnType<typeof createAgentCalls>;

const addressPattern = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const macPattern = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** IPv4 addresses by MAC; whatever in the guest's answer is not one is left out, and so is loopback. */
export function readInterfaces(answer: unknown): { mac: string; address: string }[] {
  if (!Array.isArray(answer)) throw nonsenseError('interfaces');
  const found: { mac: string; address: string }[] = [];
  for (const entry of answer) {
    const told = member(entry, 'hardware-address');
    const mac = typeof told === 'string' ? told.toLowerCase() : '';
    const addresses = member(entry, 'ip-addresses');
    if (!macPattern.test(mac) || mac === '00:00:00:00:00:00' || !Array.isArray(addresses)) continue;
    for (const item of addresses) {
      const address = member(item, 'ip-address');
      if (typeof address !== 'string') continue;
      if (member(item, 'ip-address-type') === 'ipv4' && addressPattern.test(address) && !address.startsWith('127.'))
        found.push({ mac, address });
    }
  }
  return found;
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

function integer(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw nonsenseError(what);
  return value;
}

function base64(value: unknown, what: string): Buffer {
  if (typeof value !== 'string') throw nonsenseError(what);
  return Buffer.from(value, 'base64');
}

function nonsenseError(what: string): NakhodaError {
  return new NakhodaError('guest.no-agent', {
    message: `The guest agent's answer makes no sense (${what}).`,
    hint: 'Check that what answers in the guest is qemu-guest-agent.',
  });
}
