import { type GuestFacts, NakhodaError } from '@nakhoda/schema';

import type { GuestChannel, GuestCommand } from '../serial/guest-channel.ts';
import { waitFor } from '../wait.ts';
import type { GuestAgent } from './guest-agent.ts';

export interface GuestAccessOptions {
  agent: Omit<GuestAgent, 'close'>;
  /** The fallback. */
  serial: GuestChannel;
  /** False while typing at the console would disturb somebody; then `addresses` does without it. */
  serialIsFree: () => boolean;
  /** How long `ready` waits for the agent once the serial shell has answered, in milliseconds. Default 6000. */
  agentGraceMs?: number;
}

/** Both ways into one run of a guest, with the agent preferred. */
export interface GuestAccess {
  /**
   * Which way answers now; null when none did within the time. A guest's shell is there some seconds before its agent, so
   * the first answer of the shell waits for one of the agent; once for a run, and again after the agent was there.
   */
  ready(options: { timeoutMs: number; signal?: AbortSignal }): Promise<'agent' | 'serial' | null>;
  exec(command: GuestCommand): Promise<{ exitCode: number }>;
  readFile(options: { path: string; maxBytes: number; signal?: AbortSignal }): Promise<Uint8Array>;
  writeFile(options: { path: string; data: Uint8Array; mode?: string; signal?: AbortSignal }): Promise<void>;
  /** Empty when nobody answers. */
  addresses(options: { signal?: AbortSignal }): Promise<{ mac: string; address: string }[]>;
  /** What the guest says of itself, and through whom; null when nobody answers, or only a console that somebody uses. */
  facts(options: { signal?: AbortSignal }): Promise<{ via: 'agent' | 'serial'; facts: GuestFacts } | null>;
  /** The agent, for what a shell cannot do. @throws NakhodaError `guest.no-agent` when it does not answer */
  agent(options: { signal?: AbortSignal }): Promise<GuestAgentOnly>;
}

/** What only an agent can do. */
export type GuestAgentOnly = Pick<GuestAgent, 'freeze' | 'thaw' | 'isFrozen' | 'setPassword' | 'shutdown'>;

// An agent that did not answer is asked again after this, so that a guest without one is not slower for it.
const agentRetryMs = 10_000;
const agentProbeMs = 1_000;
const serialProbeMs = 5_000;
// In VirtualBox's interpreter the tiny guest's agent answers 2 to 5 s after its shell (7.2.22).
const usualAgentGraceMs = 6_000;

/** Made anew for each run of a guest, of which it remembers whether an agent came. */
export function createGuestAccess(options: GuestAccessOptions): GuestAccess {
  const { agent, serial, agentGraceMs = usualAgentGraceMs } = options;
  let agentSilentUntil = 0;
  /** Set by the first answer of the serial shell that had none of the agent beside it. */
  let agentAwaitedUntil: number | null = null;

  async function agentAnswers(timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const answers = await agent.probe({ timeoutMs, ...(signal ? { signal } : {}) });
    agentSilentUntil = answers ? 0 : performance.now() + agentRetryMs;
    if (answers) agentAwaitedUntil = null;
    return answers;
  }

  /** True when an agent answers within what is left of its grace, and of the caller's time. */
  async function agentFollows(deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    agentAwaitedUntil ??= performance.now() + agentGraceMs;
    const until = Math.min(agentAwaitedUntil, deadline);
    const left = (): number => until - performance.now();
    const found = await waitFor(
      async () => {
        if (!agent.connected || left() <= 0) return 'silent' as const;
        return (await agentAnswers(Math.min(agentProbeMs, left()), signal)) && ('agent' as const);
      },
      { timeoutMs: left(), ...(signal ? { signal } : {}) },
    );
    return found === 'agent';
  }

  /** True of a guest that had its time for starting an agent in this run, and had none a moment ago. */
  function lacksAgent(): boolean {
    const now = performance.now();
    return agentAwaitedUntil !== null && now >= agentAwaitedUntil && now < agentSilentUntil;
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
          if (!lacksAgent() && (await agentAnswers(left(agentProbeMs), signal))) return 'agent' as const;
          if (!(await serial.probe({ timeoutMs: left(serialProbeMs), ...(signal ? { signal } : {}) }))) {
            // The console is no way in now, so the agent is asked again.
            agentSilentUntil = 0;
            return null;
          }
          return (await agentFollows(deadline, signal)) ? ('agent' as const) : ('serial' as const);
        },
        { timeoutMs, ...(signal ? { signal } : {}) },
      );
    },
    exec: async (command) => (await pick(command.signal)).exec(command),
    readFile: async (call) => (await pick(call.signal)).readFile(call),
    writeFile: async (call) => (await pick(call.signal)).writeFile(call),
    async facts(call) {
      if (performance.now() >= agentSilentUntil && (await agentAnswers(agentProbeMs, call.signal))) {
        try {
          return { via: 'agent', facts: await agent.facts(call) };
        } catch (error) {
          if (call.signal?.aborted) throw error;
          // It fell silent in the middle.
          agentSilentUntil = performance.now() + agentRetryMs;
        }
      }
      if (!options.serialIsFree() || !(await serial.probe({ timeoutMs: serialProbeMs, ...call }))) return null;
      return { via: 'serial', facts: await serial.facts(call) };
    },
    async agent({ signal }) {
      if (await agentAnswers(3_000, signal)) return agent;
      throw new NakhodaError('guest.no-agent', {
        message: 'The guest agent does not answer, and this cannot be done without it.',
        hint: 'Install and start qemu-guest-agent in the guest; where it is there, look whether it hangs.',
      });
    },
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
