/** Every code an {@link LLMCacheError} can carry. */
export type ErrorCode =
  /** An option, control or header is not what it may be; the message names it and says what would be right. */
  | "ERR_LLMCACHE_OPTION"
  /** A request cannot be given an identity: it holds something that is no JSON; the message names the path. */
  | "ERR_LLMCACHE_REQUEST"
  /** A value cannot be stored because it is no JSON; the message names the path. */
  | "ERR_LLMCACHE_VALUE"
  /** `onlyIfCached` was asked for and nothing usable is stored; the provider was not asked. */
  | "ERR_LLMCACHE_MISS"
  /** The store failed or took longer than `storeTimeoutMs`, and the call cannot go on without it. */
  | "ERR_LLMCACHE_STORE"
  /** The store failed too often in a row and is not asked for a while; see `withBreaker`. */
  | "ERR_LLMCACHE_PAUSED"
  /** A list provider answered with another number of items than it was asked for; nothing of it was stored. */
  | "ERR_LLMCACHE_COUNT"
  /** An embedder failed, was too late, or gave what are no vectors of texts. */
  | "ERR_LLMCACHE_EMBEDDER"
  /** A reader of a shared stream took nothing for `readerTimeoutMs` while others were waiting, and was let go. */
  | "ERR_LLMCACHE_READER"
  /** The operation is not possible on this store or cache. */
  | "ERR_LLMCACHE_UNSUPPORTED"
  /** A store or cache was used after it had been closed. */
  | "ERR_LLMCACHE_CLOSED";

/** What can be told about an error besides its message. */
export interface LLMCacheErrorOptions {
  readonly cause?: unknown;
}

/**
 * The one error class of all packages. Two copies of the package in one program have two classes: test `error.code`
 * (or use {@link isLLMCacheError}), not `instanceof`.
 */
export class LLMCacheError extends Error {
  override readonly name = "LLMCacheError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: LLMCacheErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Is this an error of this library, from whichever copy of it; with that code, if one is given? */
export function isLLMCacheError(error: unknown, code?: ErrorCode): error is LLMCacheError {
  if (!(error instanceof Error) || error.name !== "LLMCacheError") return false;
  return code === undefined || (error as LLMCacheError).code === code;
}
