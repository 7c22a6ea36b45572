import type { ModelAlias } from "@llmcache/fetch";
import type { StoreAnyway } from "./store-anyway.ts";

/** What the format of Messages can be told. */
export interface AnthropicFormatOptions {
  /**
   * Names who answers, in the place of the base URL: one alias for providers that serve the same models makes them share
   * entries. @default the base URL
   */
  readonly provider?: string | undefined;
  /**
   * One name for a model that providers call differently, by a provider's name or by a function. It stands for model and
   * provider: all that have one share entries. @default none
   */
  readonly alias?: ModelAlias | undefined;
  /** Further request headers that can change the answer, such as those that tell a proxy which model to ask. @default none */
  readonly countedHeaders?: readonly string[] | undefined;
  /** Kinds of answers to store although they are not by default. @default none */
  readonly storeAnyway?: readonly StoreAnyway[] | undefined;
  /**
   * Stores answers that name another model than was asked, and no dated version of it: a gateway's fallback. Where an alias stands for
   * the model, or the request names `fallbacks`, they are always stored. @default false
   */
  readonly storeOtherModels?: boolean | undefined;
}
