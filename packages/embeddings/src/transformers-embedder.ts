import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { OptionChecks, type EmbedOptions } from "@llmcache/core";
import { batchSettings, LOCAL_DEFAULTS, type BatchOptions } from "./batch-options.ts";
import { BatchingEmbedder } from "./batching-embedder.ts";
import { embedderError, unknownText } from "./embedder-error.ts";
import { LocalModel } from "./local-model.ts";
import { Peers, type PeerOptions } from "./peer.ts";
import type { BatchedEmbedder } from "./text-model.ts";

/** Options of {@link transformersEmbedder}. */
export interface TransformersOptions extends BatchOptions, PeerOptions {
  /** Name on the hub; with `path`, what the vectors are told apart by. @default "Xenova/multi-qa-MiniLM-L6-cos-v1" */
  readonly model?: string | undefined;
  /** The model's own folder (config.json, tokenizer.json, onnx/model.onnx). Nothing is fetched then. @default the hub */
  readonly path?: string | URL | undefined;
  /** Which of the model's files: `"fp32"`, `"fp16"`, `"q8"`, `"q4"` … @default "fp32" */
  readonly dtype?: string | undefined;
  /** Branch, tag or commit on the hub. @default "main" */
  readonly revision?: string | undefined;
  /** Where what was fetched is kept. @default the library's own folder */
  readonly cacheDir?: string | undefined;
  /** Length of the vectors, so that it is known before the first one. @default 384 for the default model */
  readonly dimensions?: number | undefined;
  /** Names the vectors. @default `local/` and the model, with dtype and revision where they are not the defaults */
  readonly id?: string | undefined;
  /** The library, where it cannot be found by its name: `await import("@huggingface/transformers")`. */
  readonly library?: TransformersLibrary | undefined;
}

/** What is used of `@huggingface/transformers`. */
export interface TransformersLibrary {
  readonly pipeline: unknown;
}

/** Their names, besides those that all embedders have. */
export const TRANSFORMERS_OPTIONS: readonly (keyof TransformersOptions)[] = [
  "model",
  "path",
  "dtype",
  "revision",
  "cacheDir",
  "dimensions",
  "id",
  "library",
  "from",
];

const OWNER = "transformersEmbedder";
const LIBRARY = "@huggingface/transformers";
const DEFAULT_MODEL = "Xenova/multi-qa-MiniLM-L6-cos-v1";
const DEFAULT_DIMENSIONS = 384;
const DEFAULT_DTYPE = "fp32";
const DEFAULT_REVISION = "main";
/** Models that know no limit of their own say so with a number like 1e30. */
const NO_LIMIT = Number.POSITIVE_INFINITY;

type Pipeline = (task: string, model: string, options: object) => Promise<Extractor>;
interface Extractor {
  (texts: readonly string[], options: object): Promise<Tensor>;
  readonly tokenizer: {
    encode(text: string): readonly number[];
    readonly model_max_length?: number | undefined;
    readonly unk_token_id?: number | undefined;
  };
  readonly model: { readonly config?: { readonly max_position_embeddings?: number | undefined } };
  dispose(): Promise<unknown>;
}
interface Tensor {
  readonly dims: readonly number[];
  readonly data: ArrayLike<number>;
}

/**
 * A model in ONNX, from a folder or the hub, computed by `@huggingface/transformers` in this process: mean of the tokens, of length one.
 * Texts longer than the model can read, and those with tokens that it does not know, are refused: their vectors would leave something out.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field, or what to install.
 */
export function transformersEmbedder(options: TransformersOptions = {}): BatchedEmbedder {
  const { model = DEFAULT_MODEL, dtype = DEFAULT_DTYPE, revision = DEFAULT_REVISION, cacheDir } = options;
  const check = new OptionChecks(OWNER);
  const texts = { model, dtype, revision, ...(options.id === undefined ? {} : { id: options.id }) };
  for (const [name, value] of Object.entries(texts))
    if (typeof value !== "string" || value === "") throw check.wrong(name, "a text that is not empty", value);
  if (options.path !== undefined && options.model === undefined && options.id === undefined)
    throw check.error(
      "path needs model (or id) beside it: the name by which the folder's vectors are told from others.",
    );
  const dimensions = options.dimensions ?? (model === DEFAULT_MODEL ? DEFAULT_DIMENSIONS : undefined);
  if (dimensions !== undefined) check.whole("dimensions", dimensions);
  const id = options.id ?? idOf(model, dtype, revision);
  const settings = batchSettings(OWNER, options, LOCAL_DEFAULTS);
  const library = libraryOf(options, check);
  const folder = options.path === undefined ? undefined : folderOf(options.path, check);

  const open = async (): Promise<Extractor> => {
    const pipeline = (await library()).pipeline as Pipeline;
    try {
      return await pipeline("feature-extraction", folder ?? model, {
        dtype,
        revision,
        local_files_only: folder !== undefined,
        ...(cacheDir === undefined ? {} : { cache_dir: cacheDir }),
      });
    } catch (error) {
      const place = folder === undefined ? "the hub: give path where there is no network" : "path";
      throw embedderError(id, `the model could not be loaded from ${place}; see cause.`, error);
    }
  };
  const local = new LocalModel(open, async (extractor) => void (await extractor.dispose()));
  const embed = (asked: readonly string[], { signal }: EmbedOptions): Promise<readonly (Float32Array | Error)[]> =>
    local.run(signal, (extractor) => vectorsOf(id, extractor, asked));
  return new BatchingEmbedder({ id, dimensions, embed }, settings, local);
}

function idOf(model: string, dtype: string, revision: string): string {
  const version = revision === DEFAULT_REVISION ? "" : `@${revision}`;
  return `local/${model}${version}${dtype === DEFAULT_DTYPE ? "" : `:${dtype}`}`;
}

/** Looks for the library now: who lacks it hears of it at the start, not with the first text. Imports it when it is used. */
function libraryOf(options: TransformersOptions, check: OptionChecks): () => Promise<TransformersLibrary> {
  const { library, from } = options;
  if (library !== undefined) {
    if (typeof library.pipeline === "function") return () => Promise.resolve(library);
    throw check.wrong("library", `the module ${LIBRARY}`, library);
  }
  const peers = new Peers(OWNER, [LIBRARY], from);
  peers.find(LIBRARY);
  return async () => (await peers.import(LIBRARY)) as TransformersLibrary;
}

function folderOf(path: string | URL, check: OptionChecks): string {
  if (path instanceof URL) return fileURLToPath(path);
  if (typeof path !== "string" || path === "") throw check.wrong("path", "a folder", path);
  return resolve(path);
}

async function vectorsOf(
  id: string,
  extractor: Extractor,
  texts: readonly string[],
): Promise<readonly (Float32Array | Error)[]> {
  const refused = texts.map((text) => refusal(id, extractor, text));
  const good = texts.filter((_, index) => refused[index] === undefined);
  const rows = good.length === 0 ? [] : await extracted(id, extractor, good);
  const vectors = rows.values();
  return refused.map((error) => error ?? (vectors.next().value as Float32Array));
}

/** Why a vector of this text would not be one of the whole text. */
function refusal(id: string, { tokenizer, model }: Extractor, text: string): Error | undefined {
  const tokens = tokenizer.encode(text);
  const most = Math.min(tokenizer.model_max_length ?? NO_LIMIT, model.config?.max_position_embeddings ?? NO_LIMIT);
  if (tokens.length > most)
    return embedderError(id, `a text has ${tokens.length} tokens, more than the ${most} that the model reads.`);
  const { unk_token_id: unknown } = tokenizer;
  return unknown !== undefined && tokens.includes(unknown) ? unknownText(id) : undefined;
}

async function extracted(id: string, extractor: Extractor, texts: readonly string[]): Promise<readonly Float32Array[]> {
  const { dims, data } = await extractor(texts, { pooling: "mean", normalize: true });
  const [rows, length] = dims;
  if (dims.length !== 2 || rows !== texts.length || length === undefined)
    throw embedderError(id, `the model gave a tensor of ${dims.join(" × ")} for ${texts.length} texts.`);
  return texts.map((_, row) =>
    Float32Array.from({ length }, (_value, column) => data[row * length + column] as number),
  );
}
