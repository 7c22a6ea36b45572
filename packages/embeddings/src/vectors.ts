import { embedderError } from "./embedder-error.ts";

/** Lengths of vectors, as far as they are known. */
export interface Dimensions {
  readonly count: number | undefined;
  /** Whether somebody stated it; otherwise it is the length of the first vector. */
  readonly stated: boolean;
}

/**
 * A model's answer to `texts` texts: a vector that is nobody else's, or the error of that text alone.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_EMBEDDER` where the answer as a whole is wrong: another number of vectors than of texts,
 * vectors of other lengths than each other or than `dimensions`, what is no vector.
 */
export function checkedVectors(
  id: string,
  texts: number,
  answer: unknown,
  dimensions: Dimensions,
): readonly (Float32Array | Error)[] {
  if (!Array.isArray(answer)) throw embedderError(id, "its answer is no list of vectors.");
  const list = answer as readonly unknown[];
  if (list.length !== texts) throw embedderError(id, `${list.length} vectors came for ${texts} texts.`);
  let length = dimensions.count;
  const lengths = dimensions.stated ? "dimensions were stated" : "came before";
  // By index: the empty places of a list have to be seen.
  return Array.from({ length: texts }, (_, index) => {
    const item = list[index];
    if (item instanceof Error) return item;
    if (!isFloat32Array(item))
      throw embedderError(id, `what came for text ${index + 1} of ${texts} is no Float32Array.`);
    if (item.length === 0) throw embedderError(id, `the vector of text ${index + 1} of ${texts} is empty.`);
    length ??= item.length;
    if (item.length !== length)
      throw embedderError(id, `a vector of ${item.length} dimensions came where ${length} ${lengths}.`);
    const wrong = whatIsWrong(item);
    return wrong === undefined ? new Float32Array(item) : embedderError(id, `the vector of a text ${wrong}.`);
  });
}

/** Also of another realm. */
function isFloat32Array(value: unknown): value is Float32Array {
  return ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Float32Array]";
}

function whatIsWrong(vector: Float32Array): string | undefined {
  let zero = true;
  for (const number of vector) {
    if (!Number.isFinite(number)) return Number.isNaN(number) ? "holds NaN" : "holds an infinite number";
    if (number !== 0) zero = false;
  }
  return zero ? "is zero: it has no direction to compare" : undefined;
}
