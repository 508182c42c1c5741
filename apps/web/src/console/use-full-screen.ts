import { useCallback, useEffect, useState, type RefObject } from 'react';

/** Chromium's lock of keys that the system below would take; other browsers have none. */
interface KeyboardLock {
  lock?(): Promise<void>;
  unlock?(): void;
}

/** Full screen for one element; while it lasts the element gets every key, where the browser can do that. */
export function useFullScreen(element: RefObject<HTMLElement | null>): { full: boolean; toggle(): void } {
  const [full, setFull] = useState(false);
  useEffect(() => {
    const keyboard = (navigator as { keyboard?: KeyboardLock }).keyboard;
    const changed = () => {
      const is = document.fullscreenElement !== null && document.fullscreenElement === element.current;
      setFull(is);
      if (is) void keyboard?.lock?.().catch(() => undefined);
      else keyboard?.unlock?.();
    };
    document.addEventListener('fullscreenchange', changed);
    return () => document.removeEventListener('fullscreenchange', changed);
  }, [element]);
  const toggle = useCallback(() => {
    const change = document.fullscreenElement === null ? element.current?.requestFullscreen() : document.exitFullscreen();
    // A browser that refuses has told its user so.
    change?.catch(() => undefined);
  }, [element]);
  return { full, toggle };
}
