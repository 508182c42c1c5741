import { type GuestFacts, type GuestInfo, NakhodaError } from '@nakhoda/schema';

import type { GuestAccess } from './guest-access.ts';

/** Of a guest that nobody answers for. */
export const nothingTold: { via: null } & GuestFacts = {
  via: null,
  osInfo: null,
  hostname: null,
  fileSystems: [],
  interfaces: [],
  users: [],
  frozen: null,
};

/** The calls of the driver contract's guest facet that are the same on every hypervisor, on one guest. */
export function guestFacetCalls(access: GuestAccess, signal: AbortSignal) {
  const call = { signal };
  return {
    async facts(): Promise<{ via: GuestInfo['via'] } & GuestFacts> {
      const answer = await access.facts(call);
      return answer === null ? nothingTold : { via: answer.via, ...answer.facts };
    },
    async freeze(): Promise<{ fileSystems: number }> {
      const agent = await access.agent(call);
      // A frozen agent refuses to freeze again.
      if (await agent.isFrozen(call)) return { fileSystems: 0 };
      try {
        return { fileSystems: await agent.freeze(call) };
      } catch (error) {
        if (error instanceof NakhodaError && error.code === 'guest.no-agent') throw lostError(error);
        throw error;
      }
    },
    async thaw(): Promise<{ fileSystems: number }> {
      return { fileSystems: await (await access.agent(call)).thaw(call) };
    },
    async setPassword(options: { user: string; password: string; crypted: boolean }): Promise<void> {
      await (await access.agent(call)).setPassword({ ...options, ...call });
    },
    async requestShutdown(): Promise<void> {
      await (await access.agent(call)).shutdown(call);
    },
  };
}

/** Apart from `guest.no-agent`, which says that nothing was asked: this guest may be frozen. */
function lostError(cause: NakhodaError): NakhodaError {
  return new NakhodaError('guest.timeout', {
    message: `The guest agent went away while it froze the file systems. ${cause.message}`,
    hint: 'Thaw the guest, and look whether its agent runs.',
    cause,
  });
}
