import { NakhodaError } from '@nakhoda/schema';

/** Viewers of one kind that a VM may have at the same time. QEMU's own VNC server stops at 32. */
export const mostViewers = 16;

/** Counts the viewers of each console. */
export interface Seats {
  /** Takes a seat; the result gives it back, once. @throws NakhodaError `console.too-many` */
  take(console: string): () => void;
}

export function createSeats(): Seats {
  const taken = new Map<string, number>();
  return {
    take(console) {
      const count = taken.get(console) ?? 0;
      if (count >= mostViewers) {
        throw new NakhodaError('console.too-many', {
          message: `${mostViewers} viewers have this console open already.`,
          hint: 'Close one of them first.',
        });
      }
      taken.set(console, count + 1);
      let isTaken = true;
      return () => {
        if (!isTaken) return;
        isTaken = false;
        const left = (taken.get(console) ?? 1) - 1;
        if (left > 0) taken.set(console, left);
        else taken.delete(console);
      };
    },
  };
}
