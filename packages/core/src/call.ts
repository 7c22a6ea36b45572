import type { EffectiveControl } from "./control.ts";
import type { BypassReason } from "./events.ts";
import type { CacheKey, CacheRequest } from "./key.ts";
import type { Settings } from "./settings.ts";
import type { TagReader } from "./tags.ts";

/** One call on its way: what was asked, under which settings and controls. */
export interface Call {
  readonly settings: Settings;
  readonly control: EffectiveControl;
  readonly request: CacheRequest;
  readonly key: CacheKey;
  readonly startedAt: number;
  readonly signal: AbortSignal | undefined;
  /** Reads generations of tags, each once; calls of one list share it. */
  readonly tags: TagReader;
  /** Why it goes past the cache, if it does; then it need not have a key. */
  readonly bypass: BypassReason | undefined;
  readonly bypassError: unknown;
}

/** What every event of a call says. */
export function about(
  call: Call,
  at: number,
  cacheHit: boolean,
): {
  readonly at: number;
  readonly cacheHit: boolean;
  readonly id: string;
  readonly operation: string;
  readonly provider: string | undefined;
  readonly model: string | undefined;
  readonly requestModel: string | undefined;
  readonly durationMs: number;
} {
  const { request, key } = call;
  return {
    at,
    cacheHit,
    id: key.id,
    operation: request.operation,
    provider: request.provider,
    model: request.model,
    requestModel: request.model,
    durationMs: Math.max(0, at - call.startedAt),
  };
}
