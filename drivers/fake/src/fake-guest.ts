import type { DriverContext, GuestFacet, MachineNic } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import type { FakeCore } from './fake-core.ts';
import { memoryOf } from './fake-machine.ts';
import { dataFolder, GuestFileError } from './guest/guest-files.ts';
import { runProgram } from './guest/guest-shell.ts';

/** The fake guest's agent: programs and files of the guest in memory. */
export function fakeGuest(core: FakeCore, addressOf: (nic: MachineNic) => string | null): GuestFacet {
  const setFrozen = async (ctx: DriverContext, vmid: number, frozen: boolean): Promise<{ fileSystems: number }> => {
    await core.enter(frozen ? 'guest.freeze' : 'guest.thaw', ctx);
    const memory = memoryOf(core.machines.get(vmid));
    const fileSystems = memory.frozen === frozen ? 0 : 1;
    memory.frozen = frozen;
    core.machines.save();
    return { fileSystems };
  };
  return {
    async ready(ctx, { vmid }) {
      await core.enter('guest.ready', ctx);
      return core.machines.get(vmid).state === 'running' ? 'agent' : null;
    },

    async exec(ctx, options) {
      const { vmid, argv, input, timeoutSeconds } = options;
      await core.enter('guest.exec', ctx);
      const machine = core.machines.get(vmid);
      // A program changes neither the shell on the serial port nor the next program.
      const variables = { ...memoryOf(machine).variables };
      const run = core.run(machine);
      const limit = new AbortController();
      const timer = setTimeout(() => limit.abort(), timeoutSeconds * 1000);
      const signal = AbortSignal.any([ctx.signal, run.signal, limit.signal]);
      const bytes = (data: Uint8Array | string): Uint8Array => Buffer.from(data);
      const io = core.guestIo(machine, {
        stdout: (data) => signal.aborted || options.onStdout(bytes(data)),
        stderr: (data) => signal.aborted || options.onStderr(bytes(data)),
        signal,
      });
      const aborted = Promise.withResolvers<never>();
      signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
      try {
        const exitCode = await Promise.race([
          runProgram(argv, { ...io, variables, ...(input === undefined ? {} : { stdin: Buffer.from(input) }) }),
          aborted.promise,
        ]);
        core.machines.save();
        if (exitCode !== undefined) return { exitCode };
      } catch (error) {
        ctx.signal.throwIfAborted();
        if (limit.signal.aborted) throw timeoutError(vmid, argv, timeoutSeconds);
        if (run.signal.aborted) memoryOf(machine);
        throw error;
      } finally {
        clearTimeout(timer);
      }
      throw new NakhodaError('guest.exec-failed', {
        message: `The guest of VM ${vmid} has no program ${argv[0] ?? '(none)'}.`,
        hint: 'Give the path of a program that is in the guest.',
      });
    },

    async readFile(ctx, { vmid, path, maxBytes }) {
      await core.enter('guest.readFile', ctx);
      const files = core.filesOf(core.machines.get(vmid));
      const data = fileCall(`${path} cannot be read`, () => files.read(path));
      if (data.length <= maxBytes) return data;
      throw fileError(`${path} cannot be read`, `it has ${data.length} bytes, and at most ${maxBytes} were asked for`);
    },

    async writeFile(ctx, { vmid, path, data }) {
      await core.enter('guest.writeFile', ctx);
      const files = core.filesOf(core.machines.get(vmid));
      fileCall(`${path} cannot be written`, () => files.write(path, data));
      core.machines.save();
    },

    async facts(ctx, { vmid }) {
      await core.enter('guest.facts', ctx);
      const machine = core.machines.get(vmid);
      const { frozen } = memoryOf(machine);
      const { disks, name, nics } = machine.spec;
      const totalBytes = disks[0]?.sizeBytes ?? 0;
      return {
        via: 'agent',
        osInfo: { id: 'fake', name: 'Fake', prettyName: 'Fake guest', version: null, kernel: null, machine: 'x86_64' },
        hostname: name,
        fileSystems: [{ mountpoint: dataFolder, device: 'vda', type: 'ext4', totalBytes, usedBytes: 0, freeBytes: totalBytes }],
        interfaces: nics.map((nic, number) => {
          const address = addressOf(nic);
          return { name: `eth${number}`, mac: nic.mac, addresses: address === null ? [] : [`${address}/24`] };
        }),
        users: [],
        frozen,
      };
    },

    freeze: (ctx, { vmid }) => setFrozen(ctx, vmid, true),
    thaw: (ctx, { vmid }) => setFrozen(ctx, vmid, false),

    async setPassword(ctx, { vmid, user }) {
      await core.enter('guest.setPassword', ctx);
      memoryOf(core.machines.get(vmid));
      if (user === 'root') return;
      throw new NakhodaError('guest.refused', { message: `The fake guest has no user ${user}.`, hint: 'It has root.' });
    },

    async requestShutdown(ctx, { vmid }) {
      await core.enter('guest.requestShutdown', ctx);
      const machine = core.machines.get(vmid);
      memoryOf(machine);
      core.powerOff(machine);
    },

    async addresses(ctx, { vmid }) {
      await core.enter('guest.addresses', ctx);
      const machine = core.machines.get(vmid);
      if (!machine.memory) return [];
      return machine.spec.nics.flatMap((nic) => {
        const address = addressOf(nic);
        return address === null ? [] : [{ mac: nic.mac, address }];
      });
    },
  };
}

/** An address of 192.0.2.0/24, which RFC 5737 sets apart for examples, from the end of the MAC. */
export function exampleAddress(nic: MachineNic): string {
  return `192.0.2.${1 + (Number.parseInt(nic.mac.slice(-2), 16) % 254)}`;
}

function fileCall<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof GuestFileError) throw fileError(what, error.message);
    throw error;
  }
}

function fileError(what: string, why: string): NakhodaError {
  return new NakhodaError('guest.file-failed', {
    message: `${what} in the guest: ${why}.`,
    hint: 'Look at the path, and at what the guest has there.',
  });
}

function timeoutError(vmid: number, argv: readonly string[], seconds: number): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: `${argv[0] ?? ''} in the guest of VM ${vmid} did not end within ${seconds} s.`,
    hint: 'Give it more time, or look in the guest at what it waits for.',
  });
}
