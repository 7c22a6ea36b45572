import { LLMCacheError, type CacheEvent, type CacheListener } from "@llmcache/core";
import { diag, metrics, trace, type MeterProvider, type TracerProvider } from "@opentelemetry/api";
import { Measures } from "./measures.ts";
import { recordSpan } from "./spans.ts";

/** Options of {@link instrument}. */
export interface InstrumentOptions {
  /** Gives the tracer; `false`: no spans. @default the one that is registered with `@opentelemetry/api` */
  readonly tracerProvider?: TracerProvider | false | undefined;
  /** Gives the meter; `false`: no metrics. @default the one that is registered with `@opentelemetry/api` when this is called */
  readonly meterProvider?: MeterProvider | false | undefined;
  /** How many models metrics tell apart; those above are `other`. @default 100 */
  readonly maxModels?: number | undefined;
}

/** Ends the telemetry: call it, or dispose it. Calling it again does nothing. */
export interface Instrumented extends Disposable {
  (): void;
}

const SCOPE = "@llmcache/otel";
const DEFAULT_MAX_MODELS = 100;

/**
 * Spans and metrics of a cache's calls, by OpenTelemetry's conventions for generative AI. No prompt and no answer is in them.
 * What fails here, or in an SDK, affects no call. The providers belong to whoever made them.
 *
 * @param cache what has the events: an `LLMCache`.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming what is not what it may be.
 */
export function instrument(
  cache: { on(listener: CacheListener): () => void },
  options: InstrumentOptions = {},
): Instrumented {
  const { maxModels = DEFAULT_MAX_MODELS } = options;
  if (typeof cache?.on !== "function") throw wrong("cache must be an LLMCache: it has no events.");
  if (!Number.isSafeInteger(maxModels) || maxModels < 0)
    throw wrong(`maxModels must be a whole number from 0, not ${String(maxModels)}.`);
  const { tracerProvider = trace.getTracerProvider(), meterProvider = metrics.getMeterProvider() } = options;
  const tracer = tracerProvider === false ? undefined : tracerProvider.getTracer(SCOPE);
  const measures = meterProvider === false ? undefined : new Measures(meterProvider.getMeter(SCOPE), maxModels);
  const end = cache.on((event) => {
    if (tracer !== undefined && isAnswer(event)) safely(() => recordSpan(tracer, event));
    if (measures !== undefined) safely(() => measures.record(event));
  });
  return Object.assign(() => end(), { [Symbol.dispose]: end });
}

function isAnswer(
  event: CacheEvent,
): event is Extract<CacheEvent, { readonly type: "hit" | "joined" | "stale" | "miss" }> {
  return event.type === "hit" || event.type === "joined" || event.type === "stale" || event.type === "miss";
}

/** Spans that fail must not keep metrics from being taken. */
function safely(record: () => void): void {
  try {
    record();
  } catch (error) {
    diag.error("llmcache: an event could not be recorded.", error);
  }
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `instrument: ${message}`);
}
