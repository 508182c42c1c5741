import { useEffect, useRef } from 'react';

/** Longer between two keys than this, and the second begins anew. */
const patienceMs = 1500;

/** Orders that are given by keys one after another, such as `c v`; not while somebody types, and not under a dialog. */
export function useKeySequences(sequences: Readonly<Record<string, () => void>>): void {
  const present = useRef(sequences);
  present.current = sequences;
  useEffect(() => {
    let before = { key: '', at: 0 };
    const onKey = (event: KeyboardEvent) => {
      const { target, key, ctrlKey, altKey, metaKey } = event;
      if (ctrlKey || altKey || metaKey || key.length !== 1 || isTyping(target) || document.querySelector('dialog[open], [role=dialog]'))
        return;
      const now = performance.now();
      const order = now - before.at < patienceMs ? present.current[`${before.key} ${key.toLowerCase()}`] : undefined;
      before = { key: key.toLowerCase(), at: now };
      if (order === undefined) return;
      event.preventDefault();
      order();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}

/** A console or a field takes its letters for itself. */
function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest('input, textarea, select, canvas, .xterm') !== null);
}
