import { OptionChecks } from "@llmcache/core";
import { BATCH_OPTIONS, type BatchOptions } from "./batch-options.ts";
import { OPENAI_MODELS, OPENAI_OPTIONS, openAIEmbedder, type OpenAIEmbedderOptions } from "./openai-embedder.ts";
import type { BatchedEmbedder } from "./text-model.ts";
import { TRANSFORMERS_OPTIONS, transformersEmbedder, type TransformersOptions } from "./transformers-embedder.ts";
import { USE_LITE_OPTIONS, useLiteEmbedder, type UseLiteOptions } from "./use-lite-embedder.ts";

/**
 * Options of {@link embedder}: those of what the name stands for, without `model`. Others are refused, but for `from`: whoever reads a name
 * in a configuration does not know whether it needs a package.
 */
export type NamedEmbedderOptions = BatchOptions &
  Omit<OpenAIEmbedderOptions, "model"> &
  Omit<TransformersOptions, "model"> &
  UseLiteOptions;

const FROM = "from";
const USE_LITE = "use-lite";
const OPENAI = "openai/";
const LOCAL = "local/";
/** Whose conversions a local name without an owner means. */
const LOCAL_OWNER = "Xenova/";

/**
 * The embedder that a name in a configuration stands for: `"text-embedding-3-small"` and the other models of OpenAI,
 * `"openai/<model>"` for any model of a compatible endpoint, `"local/<model>"` and `"local/<owner>/<model>"` for a model in ONNX,
 * `"use-lite"`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a name that is not known, an option that is none of that embedder's, or a package that is not
 * installed.
 */
export function embedder(name: string, options: NamedEmbedderOptions = {}): BatchedEmbedder {
  const check = new OptionChecks(`embedder(${typeof name === "string" ? JSON.stringify(name) : "…"})`);
  const only = (names: readonly string[]): void => {
    for (const [option, value] of Object.entries(options)) {
      if (value === undefined || (option !== "model" && [...BATCH_OPTIONS, FROM, ...names].includes(option))) continue;
      throw check.error(`${option} is no option of it.`);
    }
  };
  if (name === USE_LITE) {
    only(USE_LITE_OPTIONS);
    return useLiteEmbedder(options);
  }
  const remote = OPENAI_MODELS.includes(name) ? name : modelBehind(OPENAI, name);
  if (remote !== undefined) {
    only(OPENAI_OPTIONS);
    return openAIEmbedder({ ...options, model: remote });
  }
  const local = modelBehind(LOCAL, name);
  if (local !== undefined) {
    only(TRANSFORMERS_OPTIONS);
    return transformersEmbedder({ ...options, model: local.includes("/") ? local : LOCAL_OWNER + local });
  }
  const known = [...OPENAI_MODELS, `${OPENAI}<model>`, `${LOCAL}<model>`, USE_LITE].join(", ");
  throw check.error(`no embedder has this name; known are ${known}.`);
}

function modelBehind(prefix: string, name: unknown): string | undefined {
  return typeof name === "string" && name.startsWith(prefix) && name.length > prefix.length
    ? name.slice(prefix.length)
    : undefined;
}
