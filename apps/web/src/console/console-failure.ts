import type { ErrorCode, NakhodaError } from '@nakhoda/schema/errors';

/** The way of a picture and of a key, from here to there. */
export const hops = ['browser', 'daemon', 'hypervisor', 'guest'] as const;
export type Hop = (typeof hops)[number];

/** Why a console is not open: which hop is broken, what is known of it, and whether the page tries again by itself. */
export interface ConsoleFailure {
  readonly hop: Hop;
  readonly kind: 'offline' | 'unreachable' | 'cut' | 'blocked' | 'refused' | 'failed' | 'viewer' | 'ended';
  /** In the daemon's own words, where it said any. */
  readonly error: NakhodaError | null;
  /** The closing reason of the WebSocket, where there was no error. */
  readonly reason: string;
  readonly again: boolean;
}

/** How a WebSocket ended. */
export interface ConsoleEnd {
  readonly code: number;
  readonly reason: string;
  /** What the daemon refused it with after the upgrade. */
  readonly refusal: NakhodaError | null;
  /** False: it was closed before it was open. */
  readonly opened: boolean;
}

/** The hop of an error of the daemon's; what is not here is the daemon's own refusal. */
const hopOf: Partial<Record<ErrorCode, Hop>> = {
  'vm.wrong-state': 'guest',
  'guest.not-running': 'guest',
  'vm.unsupported': 'hypervisor',
  'hypervisor.timeout': 'hypervisor',
  'hypervisor.failed': 'hypervisor',
  'hypervisor.unusable': 'hypervisor',
  'console.failed': 'hypervisor',
};

/** What may be over in a moment. */
const passing: readonly ErrorCode[] = ['hypervisor.timeout', 'hypervisor.failed', 'console.failed', 'guest.not-running', 'vm.wrong-state'];

const none = { error: null, reason: '' };

/** An error of the daemon's, or of the way to it. */
export function failureOfError(error: NakhodaError, online: boolean): ConsoleFailure {
  if (error.code === 'daemon.unreachable') {
    return online
      ? { ...none, hop: 'daemon', kind: 'unreachable', again: true }
      : { ...none, hop: 'browser', kind: 'offline', again: true };
  }
  const hop = hopOf[error.code] ?? 'daemon';
  return { hop, kind: hop === 'daemon' ? 'refused' : 'failed', error, reason: '', again: passing.includes(error.code) };
}

/** The end of a connection, as RFC 6455's codes and the daemon's reasons tell it. */
export function failureOfEnd({ code, reason, refusal, opened }: ConsoleEnd, online: boolean): ConsoleFailure {
  if (refusal !== null) return failureOfError(refusal, online);
  if (!online) return { ...none, hop: 'browser', kind: 'offline', again: true };
  // The ticket came over the same way a moment ago, so what answers HTTP does not let WebSockets through.
  if (!opened) return { ...none, hop: 'daemon', kind: 'blocked', again: true };
  // The daemon closes so when the hypervisor's end has gone: the VM stops or starts anew, or its console was switched off.
  if (code === 1000) return { error: null, reason, hop: 'guest', kind: 'ended', again: true };
  // The daemon's words for a viewer that does not speak the protocol.
  if (code === 1002) return { error: null, reason, hop: 'browser', kind: 'viewer', again: false };
  return { error: null, reason, hop: 'daemon', kind: 'cut', again: true };
}

/** The viewer's own complaint about what the hypervisor's server sends. */
export function failureOfViewer(reason: string): ConsoleFailure {
  return { error: null, reason, hop: 'hypervisor', kind: 'viewer', again: false };
}

/** A VM whose hypervisor does not tell how it is. */
export function failureOfUnknown(stateReason: string): ConsoleFailure {
  return { error: null, reason: stateReason, hop: 'hypervisor', kind: 'failed', again: true };
}

/** Milliseconds before the next try of the page's own, longer and longer. */
export function pauseBeforeTry(attempt: number): number {
  return Math.min(10_000, 500 * 2 ** Math.max(0, attempt));
}
