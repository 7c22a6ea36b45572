/** Random choices, the same for the same seed. */
export interface Dice {
  /** At least 0, less than 1. */
  (): number;
  /** At least 0, less than `end`. */
  below(end: number): number;
  of<T>(list: readonly T[]): T;
}

/** Mulberry32: fast, and good enough to mix cases. */
export function dice(seed: number): Dice {
  let state = Math.trunc(seed);
  const roll = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(roll() * end);
  return Object.assign(roll, { below, of: <T>(list: readonly T[]): T => list[below(list.length)] as T });
}
