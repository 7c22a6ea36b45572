/** Where the packages of the local models are installed. */
export const installed: string = import.meta.dirname;

export function cosine(one: Float32Array | undefined, other: Float32Array | undefined): number {
  let [dot, first, second] = [0, 0, 0];
  for (const [index, a] of (one ?? []).entries()) {
    const b = other?.[index] ?? Number.NaN;
    dot += a * b;
    first += a * a;
    second += b * b;
  }
  return dot / Math.sqrt(first * second);
}
