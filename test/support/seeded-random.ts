/** Numbers that look random and are the same for the same seed. */
export interface SeededRandom {
  /** A whole number from 0 to `below` - 1. */
  integer(below: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
}

/** Mulberry32, by Tommy Ettinger (public domain): 32 bits of state are plenty for choosing test steps. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const integer = (below: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  return { integer, pick: (choices) => choices[integer(choices.length)] ?? choices[0] };
}
