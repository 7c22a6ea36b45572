import { durationMs, type Duration } from "./duration.ts";
import { isLLMCacheError } from "./errors.ts";
import type { CacheEvent, CacheListener, FailureEvent } from "./events.ts";
import type { CacheStatistics } from "./statistics.ts";

/** Any logger like pino's or the console: an object of fields and a message. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Options of `logStats`. */
export interface LogStatsOptions {
  /** Seconds, or a text such as `"5m"`. @default 60 */
  readonly every?: Duration;
}

const DEFAULT_EVERY_SECONDS = 60;
/** The largest delay that a Node timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A listener that writes one line per event; failures as warnings. */
export function eventLogger(logger: Logger): CacheListener {
  return (event) => {
    const { type: status, id: key, operation, model, durationMs: ms, cacheHit } = event;
    const fields = { status, key, operation, model, cacheHit, durationMs: ms, ...details(event) };
    if (event.type === "failure") logger.warn(fields, `llmcache ${status} ${event.during}`);
    else logger.info(fields, `llmcache ${status}`);
  };
}

function details(event: CacheEvent): object {
  switch (event.type) {
    case "hit":
    case "joined":
    case "stale":
      return { ageMs: event.ageMs, tier: event.tier, similarity: event.similarity };
    case "miss":
      return { reason: event.reason, answer: event.answer, tokens: event.spent.tokens, cost: event.spent.cost };
    case "bypass":
      return { reason: event.reason };
    case "store":
      return { sizeBytes: event.sizeBytes };
    case "failure":
      return { during: event.during, ...described(event.error, STORE_STEPS.has(event.during)) };
    case "invalidate":
      return { what: event.what };
    case "rejected":
      return { pair: event.pair };
    default:
      return event satisfies never;
  }
}

/** What stores say is for operators. */
const STORE_STEPS: ReadonlySet<FailureEvent["during"]> = new Set(["get", "set", "delete", "clear", "store"] as const);

/** Messages of providers and parsers quote what they were given, which may be the prompt: they are not logged. */
function described(error: unknown, mayQuote: boolean): { readonly error?: string; readonly code?: unknown } {
  if (!(error instanceof Error)) return mayQuote && typeof error === "string" ? { error } : {};
  const { code } = error as { code?: unknown };
  return {
    error: mayQuote || isLLMCacheError(error) ? error.message : error.name,
    ...(code === undefined ? {} : { code }),
  };
}

/** Writes hit and miss rates every so often. @returns a function that ends it. */
export function statisticsLogger(stats: () => CacheStatistics, logger: Logger, options: LogStatsOptions): () => void {
  const every = Math.max(1, Math.min(MAX_TIMER_MS, durationMs(options.every ?? DEFAULT_EVERY_SECONDS, "every")));
  const timer = setInterval(() => {
    const now = stats();
    const missRate = now.hits + now.joined + now.stale + now.misses === 0 ? 0 : 1 - now.hitRate;
    try {
      logger.info({ ...now, missRate }, "llmcache statistics");
    } catch {
      // A logger's failure must not end the process.
    }
  }, every);
  timer.unref();
  return () => clearInterval(timer);
}
