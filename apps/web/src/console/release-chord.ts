/** What is down, whether the chord was whole at some time since nothing was, and whether another key came between. */
export interface ChordState {
  readonly down: ReadonlySet<string>;
  readonly whole: boolean;
  readonly spoiled: boolean;
}

export const chordAtRest: ChordState = { down: new Set(), whole: false, spoiled: false };

const control = ['ControlLeft', 'ControlRight'];
// Not the right one: on many keyboards it is AltGr, which Windows reports together with Control.
const alt = 'AltLeft';

/**
 * Ctrl+Alt gives the keyboard back from a console: both pressed together, no other key between, and both let go. It waits for the
 * second to be let go, so that the guest hears of both and keeps none of them down.
 * @returns the next state, and whether the chord was just completed
 */
export function followChord(state: ChordState, event: { type: string; code: string }): { state: ChordState; released: boolean } {
  const down = new Set(state.down);
  if (event.type === 'keydown') {
    down.add(event.code);
    const whole = state.whole || (down.has(alt) && control.some((code) => down.has(code)));
    const spoiled = state.spoiled || (event.code !== alt && !control.includes(event.code));
    return { state: { down, whole, spoiled }, released: false };
  }
  down.delete(event.code);
  if (down.size > 0) return { state: { ...state, down }, released: false };
  return { state: chordAtRest, released: state.whole && !state.spoiled };
}
