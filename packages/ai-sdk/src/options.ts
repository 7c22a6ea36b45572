import { OptionChecks } from "@llmcache/core";
import type { StoreAnyway } from "./store-anyway.ts";

/** How stored streams are played: as fast as they are read, as they came, or with these pauses (ms), as `simulateReadableStream` does. */
export type Replay =
  | "instant"
  | "recorded"
  | { readonly initialDelayInMs?: number | null | undefined; readonly chunkDelayInMs?: number | null | undefined };

/** Options that all three middlewares have. */
export interface ModelCacheOptions {
  /**
   * Names who answers, in the place of the provider's name and base URL: one alias for providers that serve the same models makes them
   * share entries. @default the model's `provider`, and the base URL where the model shows it
   */
  readonly provider?: string | undefined;
  /** One name for a model that providers call differently, by model id or by a function. Give `provider` too. @default none */
  readonly alias?: Readonly<Record<string, string>> | ((modelId: string) => string | undefined) | undefined;
  /** Further request headers that can change the answer. @default none */
  readonly countedHeaders?: readonly string[] | undefined;
}

/** Options of `cacheMiddleware`. */
export interface LanguageCacheOptions extends ModelCacheOptions {
  /** @default "instant" */
  readonly replay?: Replay | undefined;
  /** Kinds of answers to store although they are not by default. @default none */
  readonly storeAnyway?: readonly StoreAnyway[] | undefined;
}

const checks = new OptionChecks("cacheMiddleware");

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is wrong. */
export function checkModelOptions({ provider, alias, countedHeaders }: ModelCacheOptions): void {
  if (provider !== undefined && (typeof provider !== "string" || provider === ""))
    throw checks.wrong("provider", "a name", provider);
  if (alias !== undefined && typeof alias !== "function" && (typeof alias !== "object" || alias === null))
    throw checks.wrong("alias", "an object or a function", alias);
  if (countedHeaders !== undefined && !Array.isArray(countedHeaders))
    throw checks.wrong("countedHeaders", "a list of names", countedHeaders);
}

/** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is wrong. */
export function checkReplay(replay: Replay): void {
  if (replay === "instant" || replay === "recorded") return;
  if (typeof replay !== "object" || replay === null)
    throw checks.wrong("replay", `"instant", "recorded" or delays in ms`, replay);
  for (const name of ["initialDelayInMs", "chunkDelayInMs"] as const) {
    const delay = replay[name];
    if (delay !== undefined && delay !== null) checks.ms(`replay.${name}`, delay, 0);
  }
}

/** The common name of a model, or its own. */
export function modelName(modelId: string, alias: ModelCacheOptions["alias"]): string {
  const name =
    typeof alias === "function"
      ? alias(modelId)
      : alias !== undefined && Object.hasOwn(alias, modelId)
        ? alias[modelId]
        : undefined;
  return typeof name === "string" && name !== "" ? name : modelId;
}
