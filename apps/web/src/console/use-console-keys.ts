import type { Vm } from '@nakhoda/schema';
import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

import { api } from '../data/session.ts';
import type { ConsoleHandle } from './console-handle.ts';
import type { StickyKey } from './console-keys.ts';

/** Combinations that one request takes. */
const mostAtOnce = 100;

interface ConsoleKeys {
  readonly held: ReadonlySet<StickyKey>;
  /** Presses a combination: through the open view, or by way of the API. */
  press(combination: string): void;
  /** The same by way of the API in any case, one request after another, in order. */
  ask(combination: string): void;
  /** Holds a key down, or lets go of it. */
  toggle(key: StickyKey): void;
}

/** The keyboard of a VM's console, with keys that stay down until they are let go. */
export function useConsoleKeys(
  vm: Vm,
  handle: RefObject<ConsoleHandle | null>,
  view: unknown,
  onError: (thrown: unknown) => void,
): ConsoleKeys {
  const [held, setHeld] = useState<ReadonlySet<StickyKey>>(new Set());
  const waiting = useRef<string[]>([]);
  const sending = useRef(false);
  const { vmid } = vm;
  // What was held was held in the view that has gone, which let go of it.
  useEffect(() => setHeld(new Set()), [view]);

  const ask = useCallback(
    (combination: string) => {
      waiting.current.push(combination);
      if (sending.current) return;
      sending.current = true;
      const send = async () => {
        while (waiting.current.length > 0) {
          const keys = waiting.current.splice(0, mostAtOnce);
          await api.call('vm.keys', { params: { vm: String(vmid) }, body: { keys } });
        }
      };
      send()
        .catch((thrown: unknown) => {
          // Keys that come long after they were pressed do harm.
          waiting.current = [];
          onError(thrown);
        })
        .finally(() => {
          sending.current = false;
        });
    },
    [vmid, onError],
  );
  const press = useCallback(
    (combination: string) => {
      const open = handle.current;
      if (open?.press === undefined) ask(combination);
      else open.press(combination);
      open?.focus();
    },
    [ask, handle],
  );
  const toggle = useCallback(
    (key: StickyKey) => {
      const down = !held.has(key);
      handle.current?.hold?.(key, down);
      setHeld(new Set(down ? [...held, key] : [...held].filter((one) => one !== key)));
      handle.current?.focus();
    },
    [held, handle],
  );
  return { held, press, ask, toggle };
}
