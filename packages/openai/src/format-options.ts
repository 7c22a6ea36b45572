import type { ModelAlias } from "@llmcache/fetch";
import type { Equivalence } from "./equivalence.ts";
import type { StoreAnyway } from "./store-anyway.ts";

/** What the formats of text endpoints (chat completions, Responses, completions) can be told. */
export interface OpenAIFormatOptions {
  /**
   * Names who answers, in the place of the base URL: one alias for providers that serve the same models makes them share
   * entries. A deployment in an Azure path counts all the same: it is the model. @default the base URL and its query,
   * without credentials
   */
  readonly provider?: string | undefined;
  /**
   * One name for a model that providers call differently, by a provider's name or by a function. It stands for model and
   * provider: all that have one share entries. @default none
   */
  readonly alias?: ModelAlias | undefined;
  /** Differences between requests that do not count. @default none: all differences count */
  readonly equivalent?: readonly Equivalence[] | undefined;
  /** Further request headers that can change the answer, such as those that tell a proxy which model to ask. @default none */
  readonly countedHeaders?: readonly string[] | undefined;
  /**
   * How many choices (`n`) of a chat completion the provider gives in one request, at most. More are asked for in several requests, as
   * even as they can be. @default as many as are asked for
   */
  readonly maxChoices?: number | undefined;
  /** Kinds of answers to store although they are not by default. @default none */
  readonly storeAnyway?: readonly StoreAnyway[] | undefined;
  /**
   * Stores answers that name another model than was asked, and no dated version of it: a gateway's fallback. Where an alias or an
   * Azure deployment stands for the model, they are always stored. @default false
   */
  readonly storeOtherModels?: boolean | undefined;
  /**
   * Asks for the usage of streams (`stream_options.include_usage`) where the caller does not, and hides it from him: what is stored
   * then also answers calls in one piece, and streams with usage. Of chat completions and completions; for providers that know
   * the field. @default false
   */
  readonly askForUsage?: boolean | undefined;
}
