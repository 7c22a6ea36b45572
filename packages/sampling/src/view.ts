import {
  requestKey,
  type AnswerCache,
  type CacheControl,
  type CacheRequest,
  type CallOptions,
  type LLMCache,
  type ManyOptions,
  type Outcome,
  type Run,
  type StreamOptions,
} from "@llmcache/core";
import { askedOn } from "./asked-on.ts";
import { sampleOutcome } from "./sample-outcome.ts";
import { SampleJudge } from "./sample-judge.ts";
import {
  IndependentPositions,
  PlainPositions,
  RepeatablePositions,
  type Position,
  type Positions,
} from "./view-positions.ts";
import { watched } from "./watched-stream.ts";

/** Operations whose answers are no samples: they pass views as if these were not there. */
const NOT_SAMPLED: ReadonlySet<string> = new Set([
  "embeddings",
  "embedContent",
  "moderations",
  "audio.transcriptions",
  "audio.translations",
]);

/** Every identical call gets the next sample. */
export function independentView(cache: AnswerCache): AnswerCache {
  if (!(cache instanceof SamplingView)) return new SamplingView(cache, new IndependentPositions(new PlainPositions()));
  return new SamplingView(cache.cache, new IndependentPositions(cache.positions));
}

/** Every identical call gets what it got first. */
export function repeatableView(cache: AnswerCache): AnswerCache {
  if (!(cache instanceof SamplingView)) return new SamplingView(cache, new RepeatablePositions(new PlainPositions()));
  return new SamplingView(cache.cache, new RepeatablePositions(cache.positions));
}

type AnyOptions = CacheControl & { readonly signal?: AbortSignal | undefined };

/**
 * A cache as adapters see it, in which `request.sample` is a position of this view. Outcomes cannot be rejected, bad answers are
 * stored like all others (a judge's `"pass"` is `"store"`): who drops samples that he does not like has a biased rest.
 */
class SamplingView implements AnswerCache {
  readonly cache: AnswerCache;
  readonly positions: Positions;

  constructor(cache: AnswerCache, positions: Positions) {
    this.cache = cache;
    this.positions = positions;
  }

  async through<T>(
    request: CacheRequest,
    produce: (run: Run) => Promise<T>,
    options: CallOptions<T> = {},
  ): Promise<Outcome<T>> {
    const [position] = this.#claim([request], options) ?? [];
    if (position === undefined) return this.cache.through(request, produce, options);
    const judge = new SampleJudge(options.judge);
    let wasAnswered = false;
    try {
      const outcome = await this.cache.through(at(request, position), produce, {
        ...options,
        ...judge.option,
        // Also at position 0: an answer to something similar is no sample of this.
        similar: false,
      });
      wasAnswered = judge.isAnswer(outcome);
      return sampleOutcome(outcome);
    } finally {
      position.settle(wasAnswered);
    }
  }

  async throughMany<T>(
    requests: readonly CacheRequest[],
    produce: (missing: readonly number[], run: Run) => Promise<readonly T[]>,
    options: ManyOptions<T> = {},
  ): Promise<readonly Outcome<T>[]> {
    const positions = this.#claim(requests, options);
    if (positions === undefined) return this.cache.throughMany(requests, produce, options);
    const judge = new SampleJudge(options.judge);
    const answered = new Set<number>();
    try {
      const outcomes = await this.cache.throughMany(
        requests.map((request, index) => at(request, positions[index])),
        askedOn(produce),
        { ...options, ...judge.option },
      );
      return outcomes.map((outcome, index) => {
        if (judge.isAnswer(outcome)) answered.add(index);
        return positions[index] === undefined ? outcome : sampleOutcome(outcome);
      });
    } finally {
      // The last one first: a list that failed gives back its whole range.
      for (const [index, position] of [...positions.entries()].reverse()) position?.settle(answered.has(index));
    }
  }

  async stream<C>(
    request: CacheRequest,
    produce: (run: Run) => AsyncIterable<C>,
    options: StreamOptions<C>,
  ): Promise<Outcome<AsyncIterableIterator<C>>> {
    const [position] = this.#claim([request], options) ?? [];
    if (position === undefined) return this.cache.stream(request, produce, options);
    const judge = new SampleJudge(options.judge);
    try {
      const outcome = await this.cache.stream(at(request, position), produce, {
        ...options,
        ...judge.option,
        similar: false,
      });
      const chunks = watched(outcome.value, (wentWell) =>
        position.settle(wentWell && outcome.status !== "bypass" && !judge.hasFailed),
      );
      return sampleOutcome(outcome, chunks);
    } catch (error) {
      position.settle(false);
      throw error;
    }
  }

  /** A position for each request that samples, synchronously; in a list, in the order of the positions that are asked for. */
  #claim(requests: readonly CacheRequest[], options: AnyOptions): readonly (Position | undefined)[] | undefined {
    let ids: readonly (string | undefined)[];
    try {
      options.signal?.throwIfAborted();
      ids = requests.map((request) => (NOT_SAMPLED.has(request.operation) ? undefined : this.#id(request, options)));
    } catch {
      // What has no identity is the cache's matter, as is a call that was aborted before it began.
      return undefined;
    }
    if (ids.every((id) => id === undefined)) return undefined;
    const order = [...requests.keys()].sort((a, b) => (requests[a]?.sample ?? 0) - (requests[b]?.sample ?? 0));
    const positions: (Position | undefined)[] = requests.map(() => undefined);
    for (const index of order) {
      const id = ids[index];
      if (id !== undefined) positions[index] = this.positions.claim(id, requests[index]?.sample ?? 0);
    }
    return positions;
  }

  /** With all that the cache and its surroundings add to the identity, if the cache can tell. */
  #id(request: CacheRequest, options: AnyOptions): string {
    requestKey(request);
    const first = { ...request, sample: 0 };
    const { key } = this.cache as Partial<Pick<LLMCache, "key">>;
    return typeof key === "function" ? key.call(this.cache, first, options).id : requestKey(first).id;
  }
}

function at(request: CacheRequest, position: Position | undefined): CacheRequest {
  return position === undefined ? request : { ...request, sample: position.sample };
}
