import type { Staleness } from "./freshness.ts";
import type { StoreEvent } from "./store.ts";

/** Why nothing stored was served; `refresh`: an expired answer was, and the provider was asked in the background. */
export type MissReason =
  | "absent"
  | "no-cache"
  | "undecodable"
  | "other-id"
  | "store-failure"
  | "invalidated"
  | "refresh"
  | Staleness;

/** Why a call went past the cache, or its answer was not stored. */
export type BypassReason =
  | "off"
  | "use-false"
  | "not-opted-in"
  | "operation"
  | "no-identity"
  | "no-format"
  | "no-cache-in-force"
  | "when"
  | "shared-value";

/** What became of an answer that a provider gave; `not-asked`: under `onlyIfCached` it was not asked for any. */
export type AnswerFate = "stored" | "not-stored" | "failed" | "aborted" | "not-asked";

/** Tokens, money and time; money in the unit of the cache's `price`. */
export interface Ledger {
  readonly tokens?: number;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cost?: number;
  readonly durationMs?: number;
}

interface EventBase {
  /** Instant, ms since the epoch. */
  readonly at: number;
  /** Was the provider spared? */
  readonly cacheHit: boolean;
  /** The key's id; absent where there is none. */
  readonly id?: string | undefined;
  readonly operation?: string | undefined;
  /** Of the request: a base URL, or an alias. */
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  /** The one that was asked for; the one that answers may be named otherwise. */
  readonly requestModel?: string | undefined;
  /** How long the call took so far, in ms. */
  readonly durationMs: number;
}

/** A stored answer was served, one that is expired (`stale`), or that of a call that was already under way (`joined`). */
export interface HitEvent extends EventBase {
  readonly type: "hit" | "joined" | "stale";
  readonly ageMs: number;
  readonly tier?: string | undefined;
  /** 0 to 1, where it is the answer to a similar request; absent otherwise. */
  readonly similarity?: number | undefined;
  /** The model that the entry names: as the provider called it, where that was told. */
  readonly answerModel?: string | undefined;
  readonly saved: Ledger;
}

/** Nothing stored could be served: the provider was asked (unless `onlyIfCached` forbade it). Told when its answer is complete or it failed. */
export interface MissEvent extends EventBase {
  readonly type: "miss";
  readonly reason: MissReason;
  readonly answer: AnswerFate;
  /** What the provider called the model that answered, where it was told. */
  readonly answerModel?: string | undefined;
  readonly spent: Ledger;
}

/** The call went past the cache. */
export interface BypassEvent extends EventBase {
  readonly type: "bypass";
  readonly reason: BypassReason;
  readonly error?: unknown;
}

/** An entry was written. */
export interface StoredEvent extends EventBase {
  readonly type: "store";
  readonly sizeBytes: number;
}

/** Somebody rejected an answer; its entry was removed if it still was there. */
export interface RejectedEvent extends EventBase {
  readonly type: "rejected";
  /** Its entry stays, and is not served to this request any more. */
  readonly pair?: boolean | undefined;
}

/** Something failed. Where it did not have to, the caller was answered all the same. */
export interface FailureEvent extends EventBase {
  readonly type: "failure";
  readonly during:
    | "get"
    | "set"
    | "delete"
    | "clear"
    | "produce"
    | "encode"
    | "decode"
    | "judge"
    | "price"
    | "store"
    | "lease";
  readonly error: unknown;
  /** Where a store told it by itself. */
  readonly storeEvent?: StoreEvent | undefined;
}

/** Entries were dropped on purpose. */
export interface InvalidateEvent extends EventBase {
  readonly type: "invalidate";
  readonly what: "entry" | "all" | "tags";
  readonly tags?: readonly string[] | undefined;
}

/** What a cache tells its listeners. No prompt and no answer is in it. */
export type CacheEvent =
  | HitEvent
  | MissEvent
  | BypassEvent
  | StoredEvent
  | RejectedEvent
  | FailureEvent
  | InvalidateEvent;

/** A listener that throws, rejects or is slow affects nothing. */
export type CacheListener = (event: CacheEvent) => void;

/** The listeners of one cache. */
export class Listeners {
  readonly #listeners: Set<CacheListener> = new Set<CacheListener>();

  add(listener: CacheListener): () => void {
    const own: CacheListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Builds the event only if somebody listens. */
  emit(build: () => CacheEvent): void {
    if (this.#listeners.size === 0) return;
    const event = build();
    for (const listener of this.#listeners) {
      try {
        const result: unknown = listener(event);
        if (result instanceof Promise) result.catch(() => undefined);
      } catch {
        // A listener's failure is its own.
      }
    }
  }
}
