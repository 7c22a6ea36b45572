import { isLLMCacheError, type CacheEvent, type Ledger, type MissEvent } from "@llmcache/core";
import type { Attributes, Counter, Histogram, Meter } from "@opentelemetry/api";
import { bounded, NAMES, operationName, providerName } from "./names.ts";
import { ToldApart } from "./told-apart.ts";

/** Seconds, as the conventions want them. */
const PROVIDER_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
/** Hits take fractions of a millisecond. */
const CALL_SECONDS = [0.0005, 0.001, 0.0025, 0.005, ...PROVIDER_SECONDS];
const POWERS_OF_FOUR = [
  1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];
const MOST_NAMES = 100;

/** The instruments, and what each event is to them. What hits did not cost is never counted as usage. */
export class Measures {
  readonly #models: ToldApart;
  readonly #names: ToldApart = new ToldApart(MOST_NAMES);
  readonly #operationDuration: Histogram;
  readonly #tokenUsage: Histogram;
  readonly #calls: Counter;
  readonly #callDuration: Histogram;
  readonly #cost: Counter;
  readonly #savedTokens: Counter;
  readonly #savedCost: Counter;
  readonly #entrySize: Histogram;
  readonly #failures: Counter;
  readonly #rejections: Counter;
  readonly #invalidations: Counter;

  constructor(meter: Meter, maxModels: number) {
    this.#models = new ToldApart(maxModels);
    this.#operationDuration = meter.createHistogram(NAMES.operationDuration, {
      description: "GenAI operation duration.",
      unit: "s",
      advice: { explicitBucketBoundaries: PROVIDER_SECONDS },
    });
    this.#tokenUsage = meter.createHistogram(NAMES.tokenUsage, {
      description: "Number of input and output tokens used.",
      unit: "{token}",
      advice: { explicitBucketBoundaries: POWERS_OF_FOUR },
    });
    this.#calls = meter.createCounter("llmcache.calls", { description: "Calls of the cache.", unit: "{call}" });
    this.#callDuration = meter.createHistogram("llmcache.call.duration", {
      description: "How long calls of the cache took, whoever answered.",
      unit: "s",
      advice: { explicitBucketBoundaries: CALL_SECONDS },
    });
    this.#cost = meter.createCounter("llmcache.cost", { description: "What providers were paid." });
    this.#savedTokens = meter.createCounter("llmcache.saved.tokens", {
      description: "Tokens that stored answers made unnecessary.",
      unit: "{token}",
    });
    this.#savedCost = meter.createCounter("llmcache.saved.cost", { description: "What stored answers spared." });
    this.#entrySize = meter.createHistogram("llmcache.entry.size", {
      description: "Size of what was stored.",
      unit: "By",
      advice: { explicitBucketBoundaries: POWERS_OF_FOUR },
    });
    this.#failures = meter.createCounter("llmcache.failures", { description: "What failed, noticed or not." });
    this.#rejections = meter.createCounter("llmcache.rejections", { description: "Answers that were rejected." });
    this.#invalidations = meter.createCounter("llmcache.invalidations", {
      description: "What was dropped on purpose.",
    });
  }

  record(event: CacheEvent): void {
    switch (event.type) {
      case "hit":
      case "joined":
      case "stale": {
        const about = this.#about(event, event.type !== "joined");
        this.#called(event, about, {});
        this.#save(event.saved, about);
        break;
      }
      case "miss": {
        const about = this.#about(event, event.answer === "stored");
        this.#called(event, about, { [NAMES.reason]: event.reason, [NAMES.answer]: event.answer });
        if (event.answer !== "not-asked") this.#spend(event, about);
        break;
      }
      case "bypass":
        this.#called(event, this.#about(event, false), { [NAMES.reason]: event.reason });
        break;
      case "store":
        this.#entrySize.record(event.sizeBytes, this.#about(event, true));
        break;
      case "failure":
        this.#failures.add(1, { [NAMES.during]: event.during, [NAMES.errorType]: this.#errorType(event.error) });
        break;
      case "rejected":
        this.#rejections.add(1);
        break;
      case "invalidate":
        this.#invalidations.add(1, { [NAMES.what]: event.what });
        break;
      default:
        event satisfies never;
    }
  }

  #called(event: CacheEvent, about: Attributes, more: Attributes): void {
    const attributes = { ...about, ...more, [NAMES.status]: event.type };
    this.#calls.add(1, attributes);
    this.#callDuration.record(event.durationMs / 1000, { ...about, [NAMES.status]: event.type });
  }

  #spend({ spent, answer, durationMs }: MissEvent, about: Attributes): void {
    const { inputTokens, outputTokens, cost } = spent;
    const error = answer === "failed" ? { [NAMES.errorType]: "_OTHER" } : {};
    this.#operationDuration.record((spent.durationMs ?? durationMs) / 1000, { ...about, ...error });
    if (inputTokens !== undefined) this.#tokenUsage.record(inputTokens, { ...about, [NAMES.tokenType]: "input" });
    if (outputTokens !== undefined) this.#tokenUsage.record(outputTokens, { ...about, [NAMES.tokenType]: "output" });
    if (isPositive(cost)) this.#cost.add(cost, about);
  }

  #save({ inputTokens, outputTokens, cost }: Ledger, about: Attributes): void {
    if (isPositive(inputTokens)) this.#savedTokens.add(inputTokens, { ...about, [NAMES.tokenType]: "input" });
    if (isPositive(outputTokens)) this.#savedTokens.add(outputTokens, { ...about, [NAMES.tokenType]: "output" });
    if (isPositive(cost)) this.#savedCost.add(cost, about);
  }

  /** Names that callers choose take one of few places, and those of failed calls none. */
  #about(event: CacheEvent, mayAdd: boolean): Attributes {
    const { operation, provider, requestModel } = event;
    const model = requestModel === undefined ? undefined : this.#models.of(bounded(requestModel), mayAdd);
    const answered = "answerModel" in event ? event.answerModel : undefined;
    return {
      ...(operation === undefined ? {} : { [NAMES.operation]: this.#names.of(operationName(operation), true) }),
      ...(provider === undefined ? {} : { [NAMES.provider]: this.#names.of(providerName(provider), true) }),
      ...(model === undefined ? {} : { [NAMES.requestModel]: model }),
      ...(answered === undefined ? {} : { [NAMES.responseModel]: this.#models.of(bounded(answered), mayAdd) }),
    };
  }

  #errorType(error: unknown): string {
    const type = isLLMCacheError(error) ? error.code : error instanceof Error ? error.name : "_OTHER";
    return /^[\w.:-]{1,80}$/.test(type) ? this.#names.of(type, true) : "_OTHER";
  }
}

function isPositive(value: number | undefined): value is number {
  return value !== undefined && value > 0;
}
