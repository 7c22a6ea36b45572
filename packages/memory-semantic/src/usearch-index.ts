/** An approximate index over vectors of one scope. Labels are whole numbers from 1. */
export interface VectorIndex {
  add(label: number, vector: Float32Array): void;
  remove(label: number): void;
  /** Labels of the nearest, as far as it finds them, in any order. */
  search(query: Float32Array, count: number): readonly number[];
}

/** Makes an index for vectors of that length. */
export type MakeIndex = (dimensions: number) => VectorIndex;

/** What an index takes for a vector of that length, beside the vector itself: measured, rounded up. */
export function indexBytes(dimensions: number): number {
  return 2 * dimensions + 512;
}

const ONE_THREAD = 1;

/** Rejects if the package is not installed, or has no binary for this machine. */
export async function loadUsearch(): Promise<MakeIndex> {
  const usearch = await import("usearch");
  const { Index, MetricKind, ScalarKind } = usearch;
  return (dimensions) => {
    const index = new Index({
      dimensions,
      metric: MetricKind.IP,
      // Half the memory; what is found is compared again with the whole vectors.
      quantization: ScalarKind.F16,
      connectivity: 0,
      expansion_add: 0,
      expansion_search: 0,
      multi: false,
    });
    return {
      add: (label, vector) => index.add(BigInt(label), vector, ONE_THREAD),
      remove: (label) => void index.remove(BigInt(label)),
      search: (query, count) => {
        const most = Math.min(count, index.size());
        return most === 0 ? [] : Array.from(index.search(query, most, ONE_THREAD).keys, Number);
      },
    };
  };
}
