import type { Run, RunNote, Verdict } from "./answer-cache.ts";
import { Body } from "./body.ts";
import { about, type Call } from "./call.ts";
import type { EffectiveControl } from "./control.ts";
import type { Engine } from "./engine.ts";
import type { EntryHead, EntryMetadata } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import type { AnswerFate, Ledger, MissReason } from "./events.ts";
import type { Flight } from "./flight.ts";
import { lifetime } from "./freshness.ts";
import type { Json } from "./json.ts";
import { identityRecord, type CacheRequest } from "./key.ts";
import type { Settings } from "./settings.ts";
import type { Generations } from "./tags.ts";
import { stores } from "./writing.ts";

/** A provider being asked. */
export interface Asking {
  readonly run: Run;
  readonly startedAt: number;
  /** What was asked, as it was then: the caller may change the request while the answer comes. */
  readonly asked: Pick<EntryMetadata, "operation" | "provider" | "model" | "namespace" | "sample">;
  readonly request: Json | undefined;
  /** Of the call's tags, from before the provider was asked; `"unknown"`: they could not be had, so the answer is not stored. */
  readonly generations: Generations | "unknown" | undefined;
  readonly noted: { model?: string | undefined; ledger: { -readonly [K in keyof Ledger]: Ledger[K] } };
}

/** What became of an answer. */
export interface Completed {
  readonly body: Body | undefined;
  readonly head: EntryHead;
  /** It is to be written: the flight goes on until that has settled. */
  readonly stored: boolean;
}

/** Opens an account: {@link complete} or {@link failedAnswer} closes it. */
export function beginAsking(
  engine: Engine,
  call: Call,
  signal: AbortSignal,
  generations: Asking["generations"],
): Asking {
  engine.asking++;
  return account(engine, call, signal, generations);
}

/** The account of an answer that did not come from a provider now. */
export function unasked(engine: Engine, call: Call, generations: Asking["generations"]): Asking {
  return account(engine, call, new AbortController().signal, generations);
}

/** The generations that an answer of this call will carry: to be had before the provider is asked. Store trouble is an event. */
export async function generationsFor(engine: Engine, call: Call): Promise<Asking["generations"]> {
  const { tags } = call.control;
  if (tags === undefined || call.control.noStore || call.control.ttlMs === 0) return undefined;
  try {
    return await call.tags.forAnswer(tags);
  } catch (error) {
    engine.failed(call, "get", error);
    return "unknown";
  }
}

/** The provider has answered: the verdict falls, all who wait are told. Whoever calls it writes what is to be stored. */
export function complete(
  engine: Engine,
  call: Call,
  flight: Flight,
  asking: Asking,
  reason: MissReason,
  answer: { readonly verdict: Verdict; readonly body: Body | undefined },
): Completed {
  const { verdict, body } = answer;
  const head = headOfAnswer(engine, call, asking);
  const stored = body !== undefined && verdict === "store" && asking.generations !== "unknown" && stores(call, flight);
  close(engine, call, asking, reason, verdict === "fail" ? "failed" : stored ? "stored" : "not-stored");
  flight.settle(
    body === undefined ? { type: "unshared" } : { type: "produced", body, head, hasFailed: verdict === "fail" },
  );
  if (!stored) engine.flights.close(flight);
  return { body, head, stored };
}

/** The provider has failed, or was left by everybody. A failure of several at once is told for the first of them. */
export function failedAnswer(
  engine: Engine,
  call: Call,
  flight: Flight,
  asking: Asking,
  reason: MissReason,
  error: unknown,
  isTold = true,
): void {
  // Who leaves a stream because of how it began does not make it any better.
  const aborted = flight.signal.aborted && !flight.beganWithFailure;
  close(engine, call, asking, reason, aborted ? "aborted" : "failed");
  if (aborted) return;
  flight.hasProviderFailed = true;
  if (isTold) engine.failed(call, "produce", error);
}

function close(
  engine: Engine,
  call: Call,
  asking: Asking,
  reason: MissReason,
  answer: Exclude<AnswerFate, "not-asked">,
): void {
  engine.asking--;
  const now = call.settings.clock();
  const spent = { ...asking.noted.ledger, durationMs: Math.max(0, now - asking.startedAt) };
  // Nobody has missed anything where an answer is refreshed.
  if (reason !== "refresh") engine.statistics.count("misses");
  engine.statistics.spend(spent);
  engine.emit(() => ({
    ...about(call, now, false),
    type: "miss",
    reason,
    answer,
    answerModel: asking.noted.model,
    spent,
  }));
}

/** The verdict on a value; a judge that throws, or gives something else, lets it pass unstored. */
export function verdictOn<T>(
  engine: Engine,
  call: Call,
  value: T,
  judge: ((value: T) => Verdict) | undefined,
): Verdict {
  if (judge === undefined) return "store";
  try {
    const verdict: unknown = judge(value);
    if (verdict === "store" || verdict === "pass" || verdict === "fail" || verdict === "none") return verdict;
    const right = `"store", "pass", "fail" or "none"`;
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `judge must give ${right}, not ${typeof verdict}.`);
  } catch (error) {
    engine.failed(call, "judge", error);
    return "pass";
  }
}

/** The stored form of a value, or `undefined` where there is none. */
export function encoded<T>(
  engine: Engine,
  call: Call,
  value: T,
  encode: ((value: T) => Json | Uint8Array | undefined) | undefined,
): Body | undefined {
  if (value === undefined) return undefined;
  try {
    const form: unknown = encode === undefined ? value : encode(value);
    if (form === undefined) return undefined;
    return form instanceof Uint8Array ? Body.bytes(form) : Body.json(form);
  } catch (error) {
    engine.failed(call, "encode", error);
    return undefined;
  }
}

/** The head of a new answer; frozen, because all who share the run are shown it. */
export function headOfAnswer(engine: Engine, call: Call, asking: Asking): EntryHead {
  const { settings, control, key } = call;
  const { request, generations } = asking;
  const createdAt = settings.clock();
  return Object.freeze({
    ...key,
    createdAt,
    ...lifetime(control, settings.keepStaleMs, createdAt),
    metadata: Object.freeze(metadataOf(engine, call, asking, createdAt)),
    ...(typeof generations === "object" ? { tags: Object.freeze(generations) } : {}),
    ...(request === undefined ? {} : { request }),
  });
}

function account(engine: Engine, call: Call, signal: AbortSignal, generations: Asking["generations"]): Asking {
  const { settings, request, control } = call;
  const { operation, provider, model, sample } = request;
  const namespace = shownNamespace(request, control);
  const noted: Asking["noted"] = { ledger: {} };
  return {
    run: { signal, note: (info) => note(noted, info) },
    startedAt: settings.clock(),
    asked: {
      operation,
      ...(provider === undefined ? {} : { provider }),
      ...(model === undefined ? {} : { model }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(sample === undefined || sample === 0 ? {} : { sample }),
    },
    request: settings.keepRequests ? requestToKeep(engine, call) : undefined,
    generations,
    noted,
  };
}

/** Where the key was made of less than the request (a custom `key`), that request need not be JSON: then it is not kept. */
function requestToKeep(engine: Engine, call: Call): Json | undefined {
  try {
    return keptRequest(call.request, call.settings, call.control);
  } catch (error) {
    engine.failed(call, "encode", error);
    return undefined;
  }
}

function metadataOf(engine: Engine, call: Call, asking: Asking, now: number): EntryMetadata {
  const { noted, asked } = asking;
  const metadata: EntryMetadata = {
    ...asked,
    ...(noted.model === undefined ? {} : { model: noted.model }),
    ...noted.ledger,
    durationMs: Math.max(0, now - asking.startedAt),
  };
  const cost = metadata.cost ?? price(engine, call, metadata);
  if (cost === undefined) return metadata;
  noted.ledger.cost = cost;
  return { ...metadata, cost };
}

function price(engine: Engine, call: Call, metadata: EntryMetadata): number | undefined {
  try {
    const cost = call.settings.price?.({ metadata });
    return isAmount(cost) ? cost : undefined;
  } catch (error) {
    engine.failed(call, "price", error);
    return undefined;
  }
}

/** Takes over what is usable: usage reports of providers hold null and NaN, which no entry may. */
function note(noted: Asking["noted"], info: RunNote): void {
  const { model, tokens, cost } = info;
  const { ledger } = noted;
  if (typeof model === "string") noted.model = model;
  if (isAmount(tokens)) {
    ledger.tokens = tokens;
    delete ledger.inputTokens;
    delete ledger.outputTokens;
  } else if (typeof tokens === "object" && tokens !== null) {
    const { input, output } = tokens;
    if (isAmount(input)) ledger.inputTokens = input;
    if (isAmount(output)) ledger.outputTokens = output;
    if (isAmount(input) || isAmount(output)) ledger.tokens = (ledger.inputTokens ?? 0) + (ledger.outputTokens ?? 0);
  }
  if (isAmount(cost)) ledger.cost = cost;
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** For people: the levels as a path, slashes in names escaped. */
function shownNamespace(request: CacheRequest, control: EffectiveControl): string | undefined {
  if (request.namespace === undefined && control.namespaces === undefined) return undefined;
  const levels = identityRecord(
    { operation: "x", prompt: "", namespace: request.namespace },
    { namespaces: control.namespaces },
  );
  const path = levels.namespace.flat().map((name) => name.replaceAll("/", "%2F"));
  return path.length === 0 ? undefined : path.join("/");
}

function keptRequest(request: CacheRequest, settings: Settings, control: EffectiveControl): Json {
  const { shape: _, ...kept } = request;
  const record = identityRecord(kept, { namespaces: control.namespaces, versions: control.versions });
  return Body.json(
    JSON.parse(JSON.stringify(settings.key === undefined ? record : { ...record, request: kept })),
  ).json();
}
