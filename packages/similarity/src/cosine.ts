/** Cosine of the angle between two vectors, clamped to 0 … 1. Vectors of another length or of zero length are not alike: 0. */
export function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let dot = 0;
  let squareA = 0;
  let squareB = 0;
  for (let index = 0; index < a.length; index += 1) {
    const x = a[index] as number;
    const y = b[index] as number;
    dot += x * y;
    squareA += x * x;
    squareB += y * y;
  }
  const similarity = dot / Math.sqrt(squareA * squareB);
  return similarity > 0 ? Math.min(1, similarity) : 0;
}
