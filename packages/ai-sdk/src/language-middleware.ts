import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4Middleware,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from "@ai-sdk/provider";
import {
  currentCache,
  registerOperation,
  storeAnywaySet,
  type AnswerCache,
  type CacheControl,
  type Outcome,
  type Run,
} from "@llmcache/core";
import { collect } from "./answer-of-parts.ts";
import { judgeAnswer, judgeStream } from "./answer-gate.ts";
import { splitOptions } from "./call-control.ts";
import { keptHeaders } from "./kept-headers.ts";
import { LANGUAGE_OPERATION, languageRequest } from "./language-request.ts";
import { isFailure, LiveStream, partsOfChunks, tokensOf, type Chunk } from "./live-parts.ts";
import { checkModelOptions, checkReplay, type LanguageCacheOptions, type Replay } from "./options.ts";
import { played } from "./played-stream.ts";
import type { Answer } from "./parts-of-answer.ts";
import { pauses } from "./replay.ts";
import { decodeAnswer, decodeStream, encodeAnswer, encodeStream, type StoredStream } from "./stored-answer.ts";
import { STORE_ANYWAY, type StoreAnyway } from "./store-anyway.ts";
import { toldHeaders } from "./told-headers.ts";

/**
 * Middleware that answers calls of a language model from a cache, in one piece and as a stream from one entry. It goes next to the model:
 * last in `wrapLanguageModel`'s list, so that the others see hits too.
 *
 * @param cache without one, the cache in force (`cache.run(…)`) answers; with none there, calls only pass.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option. Calls reject with what the model rejects with, as it is; otherwise like
 * `AnswerCache.through`.
 */
export function cacheMiddleware(cache?: AnswerCache, options: LanguageCacheOptions = {}): LanguageModelV4Middleware {
  const { replay = "instant" } = options;
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  checkModelOptions(options);
  checkReplay(replay);
  registerOperation(LANGUAGE_OPERATION);

  const read = (params: LanguageModelV4CallOptions) => {
    const { control, rest } = splitOptions(params.providerOptions);
    const asked = rest === params.providerOptions ? params : { ...params, providerOptions: rest };
    return { control, asked: asked as LanguageModelV4CallOptions, inForce: cache ?? currentCache() };
  };

  return {
    specificationVersion: "v4",

    async wrapGenerate({ params, model }) {
      const { control, asked, inForce } = read(params);
      if (inForce === undefined) return model.doGenerate(asked);
      let own: LanguageModelV4GenerateResult | undefined;
      const outcome = await inForce.through<Answer>(
        languageRequest(asked, model, options),
        async (run) => {
          own = await model.doGenerate({ ...asked, abortSignal: run.signal });
          noteAnswer(run, own);
          return own;
        },
        {
          ...callControl(control, asked),
          encode: (answer) => encodeAnswer(stored(answer)),
          decode: decodeAnswer,
          judge: (answer) => judgeAnswer(answer, asked, storeAnyway),
        },
      );
      // Who asked gets what came, with request and body.
      const answer = outcome.status === "miss" && own !== undefined ? own : outcome.value;
      return {
        ...answer,
        response: { ...answer.response, headers: toldHeaders(answer.response?.headers, outcome) },
      };
    },

    async wrapStream({ params, model }) {
      const { control, asked, inForce } = read(params);
      if (inForce === undefined) return model.doStream(asked);
      return new StreamCall(asked, model).through(
        inForce,
        languageRequest(asked, model, options),
        control,
        storeAnyway,
        replay,
      );
    },
  };
}

/** One call that wants a stream. */
class StreamCall {
  readonly #asked: LanguageModelV4CallOptions;
  readonly #model: LanguageModelV4;
  readonly #live: LiveStream = new LiveStream();
  #opened: Promise<LanguageModelV4StreamResult> | undefined;
  #stored: StoredStream | undefined;
  #headers: Record<string, string> | undefined;

  constructor(asked: LanguageModelV4CallOptions, model: LanguageModelV4) {
    this.#asked = asked;
    this.#model = model;
  }

  async through(
    cache: AnswerCache,
    request: Parameters<AnswerCache["stream"]>[0],
    control: CacheControl,
    storeAnyway: ReadonlySet<StoreAnyway>,
    replay: Replay,
  ): Promise<LanguageModelV4StreamResult> {
    const live = this.#live;
    const outcome = await cache.stream<Chunk>(request, (run) => this.#ask(run), {
      ...callControl(control, this.#asked),
      encode: (chunks) => encodeStream(partsOfChunks(live, chunks), { at: live.at, headers: this.#headers }),
      decode: (body) => {
        this.#stored = decodeStream(body);
        return this.#stored?.parts;
      },
      judge: (chunks) => judgeStream(collect(partsOfChunks(live, chunks)), this.#asked, storeAnyway),
      isFailure,
    });
    return this.#result(outcome, replay);
  }

  /** Asks at once, not when the stream is read: whether the provider takes the call at all is the caller's to know first. */
  #ask(run: Run): AsyncIterable<Chunk> {
    const opened = this.#open(run);
    opened.catch(() => undefined);
    this.#opened = opened;
    return this.#live.chunks(opened, run);
  }

  async #open(run: Run): Promise<LanguageModelV4StreamResult> {
    const result = await this.#model.doStream({ ...this.#asked, abortSignal: run.signal });
    this.#headers = keptHeaders(result.response?.headers);
    return result;
  }

  async #result(outcome: Outcome<AsyncIterableIterator<Chunk>>, replay: Replay): Promise<LanguageModelV4StreamResult> {
    const { status, value: chunks } = outcome;
    const { abortSignal } = this.#asked;
    if (status === "hit" || status === "stale") {
      const { at, headers, parts } = this.#stored ?? { parts: [] };
      const stream = played(this.#parts(chunks), pauses(replay, at, parts.length), abortSignal);
      return { stream, response: { headers: toldHeaders(headers, outcome) } };
    }
    if (status === "joined") {
      // The one who asked may be refused before there is a stream; so is who joined him.
      const first = await chunks.next();
      const stream = played(this.#parts(chunks, first), undefined, abortSignal);
      return { stream, response: { headers: toldHeaders(this.#stored?.headers, outcome) } };
    }
    const { stream: _, ...result } = (await this.#opened) as LanguageModelV4StreamResult;
    return {
      ...result,
      stream: played(this.#parts(chunks), undefined, abortSignal),
      response: { ...result.response, headers: toldHeaders(result.response?.headers, outcome) },
    };
  }

  #parts(
    chunks: AsyncIterator<Chunk>,
    first?: IteratorResult<Chunk, unknown>,
  ): AsyncIterator<LanguageModelV4StreamPart> {
    let ahead = first;
    return {
      next: async () => {
        const next = ahead ?? (await chunks.next());
        ahead = undefined;
        return next.done === true ? { done: true, value: undefined } : { value: this.#live.partOf(next.value) };
      },
      return: async () => {
        await chunks.return?.();
        return { done: true, value: undefined };
      },
    };
  }
}

function callControl(
  control: CacheControl,
  { abortSignal }: LanguageModelV4CallOptions,
): CacheControl & { readonly signal: AbortSignal | undefined; readonly unkeyable: "bypass" } {
  return { ...control, signal: abortSignal, unkeyable: "bypass" };
}

/** Without what was sent and what came, as text: large, not the answer, and half of it the prompt. */
function stored({ request: _request, response, ...answer }: LanguageModelV4GenerateResult): Answer {
  if (response === undefined) return answer;
  const { body: _body, headers, ...metadata } = response;
  const kept = keptHeaders(headers);
  return { ...answer, response: kept === undefined ? metadata : { ...metadata, headers: kept } };
}

function noteAnswer(run: Run, { usage, response }: LanguageModelV4GenerateResult): void {
  run.note({ model: response?.modelId, tokens: tokensOf(usage) });
}
