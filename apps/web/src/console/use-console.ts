import type { ConsoleKind } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';
import { useCallback, useEffect, useRef, useState } from 'react';

import type { ConsoleChannel } from './console-channel.ts';
import { failureOfEnd, failureOfError, failureOfViewer, pauseBeforeTry, type ConsoleFailure } from './console-failure.ts';
import { hasNetwork } from './has-network.ts';
import { openConsole } from './open-console.ts';

export type ConsoleState =
  | { readonly phase: 'off' }
  | { readonly phase: 'opening' }
  | { readonly phase: 'open'; readonly channel: ConsoleChannel }
  | { readonly phase: 'failed'; readonly failure: ConsoleFailure };

/** A connection that lasted this long is no part of a row of failures any more, in milliseconds. */
const steadyMs = 10_000;

export interface UsedConsole {
  readonly state: ConsoleState;
  reconnect(): void;
  /** The viewer cannot go on with what it gets. */
  giveUp(reason: string): void;
}

/**
 * Keeps one console of a VM open while `wanted`: opens it, opens it anew after a failure that may pass, and when the VM has
 * started again.
 */
export function useConsole(vmid: number, kind: ConsoleKind, wanted: boolean): UsedConsole {
  const [state, setState] = useState<ConsoleState>({ phase: 'off' });
  const [attempt, setAttempt] = useState(0);
  const failures = useRef(0);

  useEffect(() => {
    if (!wanted) {
      setState({ phase: 'off' });
      failures.current = 0;
      return undefined;
    }
    const leaving = new AbortController();
    const { signal } = leaving;
    let channel: ConsoleChannel | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    // A failed try stays on show while the next one is made: it would flicker otherwise.
    setState((before) => (before.phase === 'failed' && before.failure.again ? before : { phase: 'opening' }));

    const fail = (failure: ConsoleFailure) => {
      if (signal.aborted) return;
      setState({ phase: 'failed', failure });
      if (failure.again) timer = setTimeout(() => setAttempt((count) => count + 1), pauseBeforeTry(failures.current));
      failures.current += 1;
    };
    const open = async () => {
      const opened = await openConsole(vmid, kind, signal);
      channel = opened;
      const ended = await opened.ready;
      if (signal.aborted) return opened.close();
      if (ended !== null) return fail(failureOfEnd(ended, hasNetwork()));
      const since = performance.now();
      opened.onend = (end) => {
        if (performance.now() - since > steadyMs) failures.current = 0;
        fail(failureOfEnd(end, hasNetwork()));
      };
      setState({ phase: 'open', channel: opened });
    };
    open().catch((thrown: unknown) => fail(failureOfError(toNakhodaError(thrown), hasNetwork())));

    return () => {
      leaving.abort(new Error('left'));
      clearTimeout(timer);
      channel?.close();
    };
  }, [vmid, kind, wanted, attempt]);

  const reconnect = useCallback(() => {
    failures.current = 0;
    setState({ phase: 'opening' });
    setAttempt((count) => count + 1);
  }, []);
  const giveUp = useCallback((reason: string) => setState({ phase: 'failed', failure: failureOfViewer(reason) }), []);
  return { state, reconnect, giveUp };
}
