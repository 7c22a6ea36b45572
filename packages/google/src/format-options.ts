import type { ModelAlias } from "@llmcache/fetch";
import type { StoreAnyway } from "./store-anyway.ts";

/** What the formats of Gemini can be told. */
export interface GoogleFormatOptions {
  /**
   * Names who answers, in the place of the base URL with its API version (and of project and location): one alias for those that serve
   * the same models makes them share entries. @default the URL before the model
   */
  readonly provider?: string | undefined;
  /**
   * One name for a model that providers call differently, by a provider's name or by a function. It stands for model and
   * provider: all that have one share entries. @default none
   */
  readonly alias?: ModelAlias | undefined;
  /** Request headers that can change the answer, such as those that tell a proxy which model to ask. @default none */
  readonly countedHeaders?: readonly string[] | undefined;
  /** Kinds of answers to store although they are not by default. @default none */
  readonly storeAnyway?: readonly StoreAnyway[] | undefined;
  /** How many texts the provider takes in one request for embeddings, at most. @default 100, as Gemini's API does */
  readonly maxBatch?: number | undefined;
}
