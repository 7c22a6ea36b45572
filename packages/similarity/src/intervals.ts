/** Two-sided 95 %. */
const Z = 1.959963984540054;

/** A share and the bounds of its 95 % interval. */
export interface Share {
  readonly count: number;
  readonly of: number;
  /** `count / of`; 0 of none is 0. */
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

/** A share with Wilson's score interval (E. B. Wilson, 1927), which holds for small counts and for none. */
export function share(count: number, of: number): Share {
  if (of === 0) return { count, of, rate: 0, low: 0, high: 1 };
  const rate = count / of;
  const spread = Z ** 2 / of;
  const middle = (rate + spread / 2) / (1 + spread);
  const half = (Z * Math.sqrt((rate * (1 - rate)) / of + spread / (4 * of))) / (1 + spread);
  return { count, of, rate, low: count === 0 ? 0 : middle - half, high: count === of ? 1 : middle + half };
}

/** Least k with P(X ≤ k) ≥ `probability`, for X the number of successes in `tries` at `rate`. */
export function binomialQuantile(probability: number, tries: number, rate: number): number {
  // Sums in logarithms: the first terms are below the smallest number for many tries.
  const odds = Math.log(rate) - Math.log1p(-rate);
  let term = tries * Math.log1p(-rate);
  let sum = Math.exp(term);
  let k = 0;
  while (sum < probability && k < tries) {
    term += Math.log(tries - k) - Math.log(k + 1) + odds;
    sum += Math.exp(term);
    k += 1;
  }
  return k;
}
