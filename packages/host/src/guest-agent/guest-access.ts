import { NakhodaError } from '@nakhoda/schema';

import type { GuestChannel, GuestCommand } from '../serial/guest-channel.ts';
import { waitFor } from '../wait.ts';

export interface GuestAccessOptions {
  agent: GuestChannel;
  /** The fallback. */
  serial: GuestChannel;
  /** False while typing at the console would disturb somebody; then `addresses` does without it. */
  serialIsFree: () => boolean;
}

/** Both ways into one running guest, with the agent preferred. */
export interface GuestAccess {
  /** Which way answers now; null when none did within the time. */
  ready(options: { timeoutMs: number; signal?: AbortSignal }): Promise<'agent' | 'serial' | null>;
  exec(command: GuestCommand): Promise<{ exitCode: number }>;
  readFile(options: { path: string; maxBytes: number; signal?: AbortSignal }): Promise<Uint8Array>;
  writeFile(options: { path: string; data: Uint8Array; signal?: AbortSignal }): Promise<void>;
  /** Empty when nobody answers. */
  addresses(options: { signal?: AbortSignal }): Promise<{ mac: string; address: string }[]>;
}

// An agent that did not answer is asked again after this, so that a guest without one is not slower for it.
const agentRetryMs = 10_000;
const agentProbeMs = 1_000;
const serialProbeMs = 5_000;

export function createGuestAccess(options: GuestAccessOptions): GuestAccess {
  const { agent, serial } = options;
  let agentSilentUntil = 0;

  async function agentAnswers(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const answers = await agent.probe({ timeoutMs, ...(signal ? { signal } : {}) });
    agentSilentUntil = answers ? 0 : performance.now() + agentRetryMs;
    return answers;
  }

  async function pick(signal: AbortSignal | undefined): Promise<GuestChannel> {
    const probe = { timeoutMs: serialProbeMs, ...(signal ? { signal } : {}) };
    if (performance.now() >= agentSilentUntil && (await agentAnswers(agentProbeMs, signal))) return agent;
    if (await serial.probe(probe)) return serial;
    // The console is no way in, so the agent gets its full time.
    if (await agentAnswers(3_000, signal)) return agent;
    throw new NakhodaError('guest.no-agent', {
      message: 'Neither the guest agent nor a shell on the serial console answers.',
      hint: 'Wait until the guest has booted, or install and start qemu-guest-agent in it.',
    });
  }

  return {
    async ready({ timeoutMs, signal }) {
      const deadline = performance.now() + timeoutMs;
      const left = (most: number): number => Math.max(1, Math.min(most, deadline - performance.now()));
      return waitFor(
        async () => {
          if (await agentAnswers(left(agentProbeMs), signal)) return 'agent' as const;
          if (!(await serial.probe({ timeoutMs: left(serialProbeMs), ...(signal ? { signal } : {}) }))) return null;
          // A guest that has just booted starts its shell and its agent at the same time.
          return (await agentAnswers(left(agentProbeMs), signal)) ? ('agent' as const) : ('serial' as const);
        },
        { timeoutMs, ...(signal ? { signal } : {}) },
      );
    },
    exec: async (command) => (await pick(command.signal)).exec(command),
    readFile: async (call) => (await pick(call.signal)).readFile(call),
    writeFile: async (call) => (await pick(call.signal)).writeFile(call),
    async addresses(call) {
      try {
        if (performance.now() >= agentSilentUntil && (await agentAnswers(agentProbeMs, call.signal))) return await agent.addresses(call);
        if (options.serialIsFree() && (await serial.probe({ timeoutMs: 1_000, ...call }))) return await serial.addresses(call);
      } catch (error) {
        if (call.signal?.aborted) throw error;
      }
      return [];
    },
  };
}
