import { Embeddings, type EmbeddingsInterface } from "@langchain/core/embeddings";
import {
  currentCache,
  OptionChecks,
  registerOperation,
  type AnswerCache,
  type CacheControl,
  type CacheRequest,
} from "@llmcache/core";
import { fieldsOf, modelNameOf, providerOf } from "./model-identity.ts";
import { known, UNKEYABLE } from "./unkeyable.ts";

const OPERATION = "langchain.embeddings";

/** Options of {@link CachedEmbeddings}. */
export interface CachedEmbeddingsOptions {
  /** Names the model and its settings, in the place of its class, base URL, name and arguments. */
  readonly identity?: string | undefined;
  /** How many texts are asked for at once. @default what the embeddings do themselves */
  readonly maxBatch?: number | undefined;
  /** Controls of all calls: `ttl`, `namespace` … */
  readonly control?: CacheControl | undefined;
}

const checks = new OptionChecks("CachedEmbeddings");

/**
 * Embeddings that keep the vector of each text: of a list, only what is missing is asked for, each text once. Documents and queries are
 * different questions to some models, and are kept apart.
 */
export class CachedEmbeddings extends Embeddings {
  readonly #inner: EmbeddingsInterface;
  readonly #cache: AnswerCache | undefined;
  readonly #options: CachedEmbeddingsOptions;

  /**
   * @param cache without one, the cache in force (`cache.run(…)`) answers; with none there, calls only pass.
   * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for what are no embeddings.
   */
  constructor(embeddings: EmbeddingsInterface, cache?: AnswerCache, options: CachedEmbeddingsOptions = {}) {
    super({});
    if (typeof (embeddings as Partial<EmbeddingsInterface> | undefined)?.embedDocuments !== "function")
      throw checks.wrong("embeddings", "embeddings of LangChain", embeddings);
    this.#inner = embeddings;
    this.#cache = cache;
    this.#options = options;
    registerOperation(OPERATION);
  }

  override embedDocuments(documents: string[]): Promise<number[][]> {
    return this.#embed(documents, "document", (texts) => this.#inner.embedDocuments(texts));
  }

  override async embedQuery(document: string): Promise<number[]> {
    const [vector] = await this.#embed([document], "query", async ([text]) => [
      await this.#inner.embedQuery(text as string),
    ]);
    return vector as number[];
  }

  async #embed(
    texts: readonly string[],
    kind: "document" | "query",
    ask: (texts: string[]) => Promise<number[][]>,
  ): Promise<number[][]> {
    const cache = this.#cache ?? currentCache();
    if (cache === undefined) return ask([...texts]);
    const { control, maxBatch } = this.#options;
    const outcomes = await cache.throughMany<number[]>(
      this.#requests(texts, kind),
      (missing) => ask(missing.map((position) => texts[position] as string)),
      {
        ...control,
        unkeyable: "bypass",
        judge: (vector) => (vector.length > 0 && vector.every(Number.isFinite) ? "store" : "pass"),
        ...(maxBatch === undefined ? {} : { maxBatch }),
      },
    );
    return outcomes.map(({ value }) => value);
  }

  #requests(texts: readonly string[], kind: "document" | "query"): readonly CacheRequest[] {
    const { identity } = this.#options;
    const inner: object = this.#inner;
    const who =
      identity === undefined
        ? {
            provider: known(() => providerOf(inner)) ?? "",
            model: modelNameOf(inner),
            settings: { kind, fields: known(() => fieldsOf(inner)) ?? UNKEYABLE },
          }
        : { model: identity, settings: { kind } };
    return texts.map((prompt) => ({ operation: OPERATION, prompt, ...who }));
  }
}
