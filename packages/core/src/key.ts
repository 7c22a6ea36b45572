import { createHmac } from "node:crypto";
import { digest } from "./encoding.ts";
import { LLMCacheError } from "./errors.ts";
import { findProblem, NotJson, type Json } from "./json.ts";

/**
 * What identifies a question to a model. Two requests have the same key exactly if they are equal member by member,
 * whatever the order of the members in their objects; members that are `undefined` do not exist. `shape` does not count.
 */
export interface CacheRequest {
  /** `"chat.completions"`, `"embeddings"`, `"function:summarize"` …: names the kind of answer and how it is encoded. */
  readonly operation: string;
  /** Who answers: the base URL (origin, path before the endpoint, API version), or one alias for providers that serve the same model. Never a credential. */
  readonly provider?: string | undefined;
  /** The model's name or its alias. */
  readonly model?: string | undefined;
  /** Raised by the caller to start afresh: prompt version, model revision. It adds to the versions of the cache and of `run`, it does not replace them. */
  readonly version?: string | undefined;
  /** Everything else that can change the answer: temperature, tools, response format, counted headers … */
  readonly settings?: Json | undefined;
  /** The system prompt, the turns before the last one, attachments. */
  readonly context?: Json | undefined;
  /** What is asked last; an adapter gives a single part of text as a string. */
  readonly prompt: Json;
  /** Seed, experiment, tenant. It adds a level below those of the cache and of `run`, it does not replace them. */
  readonly namespace?: string | readonly string[] | undefined;
  /** Which of several independent answers to one request, from 0. @default 0 */
  readonly sample?: number | undefined;
  /** Not part of the identity: lets policy see what Json hides. */
  readonly shape?: RequestShape | undefined;
}

/** What a policy may want to know about a request without reading its Json. */
export interface RequestShape {
  /** Number of messages, system prompts not counted. */
  readonly turns?: number | undefined;
  readonly tools?: boolean | undefined;
  /** Images, audio, files. */
  readonly attachments?: boolean | undefined;
  readonly temperature?: number | undefined;
}

/** What stores look entries up by. */
export interface CacheKey {
  /** 64 hex digits. */
  readonly id: string;
  /** Hash of everything but the prompt: the wall that similar answers stay within. Only where similarity is allowed. */
  readonly scope?: string | undefined;
  /** The text that similar stores compare. Only where similarity is allowed. */
  readonly text?: string | undefined;
}

/** The levels of namespaces and versions around a call: the cache's own, each `run`'s from the outside in, the call's. */
export interface Levels {
  readonly cache?: string | readonly string[] | undefined;
  readonly runs?: readonly (string | readonly string[])[] | undefined;
  readonly call?: string | readonly string[] | undefined;
}

/** Around the request: what the cache and its surroundings add to the identity. */
export interface KeyOptions {
  readonly namespaces?: Levels | undefined;
  readonly versions?: Levels | undefined;
  /** Turns ids into HMACs, so that who sees a store cannot test which questions were asked. Not stored anywhere. */
  readonly secret?: string | Uint8Array | undefined;
  /**
   * Stands in for provider, model, settings, context and prompt: a string, which is hashed under a tag of its own, or
   * another request. Operation, namespaces, version and sample of the original always stay.
   */
  readonly key?: ((request: CacheRequest) => string | CacheRequest) | undefined;
  /** Also give `scope` and `text`, where the prompt is a text that is not blank, and no longer than `maxChars`. */
  readonly similar?: boolean | { readonly maxChars: number } | undefined;
}

/** Part of every id: raised when the encoding or the record changes, so that old entries are misses. */
export const KEY_FORMAT = 1;
const ID_PREFIX = `llmcache:${KEY_FORMAT}\n`;
const SCOPE_PREFIX = `llmcache-scope:${KEY_FORMAT}\n`;

/**
 * The key of a request. Pure: no store, no time.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_REQUEST`, naming the path, for what is no JSON, and for a wrong `sample` or name.
 */
export function requestKey(request: CacheRequest, options: KeyOptions = {}): CacheKey {
  const record = identityRecord(request, options);
  const hmac = options.secret === undefined ? undefined : hmacWith(options.secret);
  try {
    const id = digest(ID_PREFIX, record, hmac);
    const text = comparedText(record, options);
    return text === undefined
      ? { id }
      : { id, scope: digest(SCOPE_PREFIX, { ...record, prompt: undefined }, hmac), text };
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw notJsonError(record);
  }
}

function comparedText({ prompt }: IdentityRecord, { similar = false }: KeyOptions): string | undefined {
  if (similar === false || typeof prompt !== "string" || prompt.trim() === "") return undefined;
  return similar === true || prompt.length <= similar.maxChars ? prompt : undefined;
}

/** Exactly what is hashed, as one object: the members of the request that count, namespaces and versions in levels. */
export interface IdentityRecord {
  readonly operation: string;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly settings?: Json | undefined;
  readonly context?: Json | undefined;
  readonly prompt?: Json | undefined;
  /** What a custom key function returned instead of provider, model, settings, context and prompt. */
  readonly key?: string | undefined;
  /** The cache's level first, then each run's, then the call's: the first and the last are there even when empty. */
  readonly namespace: readonly (readonly string[])[];
  readonly sample: number;
  /** In levels like `namespace`; left out where no version is given anywhere. */
  readonly version?: readonly (readonly string[])[] | undefined;
}

/** See {@link IdentityRecord}. */
export function identityRecord(request: CacheRequest, options: KeyOptions = {}): IdentityRecord {
  if (typeof request !== "object" || request === null) {
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", "A request is an object with at least operation and prompt.");
  }
  const { operation } = request;
  if (typeof operation !== "string" || operation === "") {
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `operation must be a name such as "chat.completions".`);
  }
  const stand = options.key?.(request) ?? request;
  const namespace = levels(options.namespaces, request.namespace, "namespace");
  const sample = sampleOf(request);
  const version = versionLevels(options.versions, request.version);
  if (typeof stand === "string") return { key: stand, namespace, operation, sample, version };
  if (stand.prompt === undefined) {
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", "prompt is missing: give what is asked, as text or JSON.");
  }
  // In the order in which they are encoded, which spares the sorting.
  return {
    context: stand.context,
    model: name(stand.model, "model"),
    namespace,
    operation,
    prompt: stand.prompt,
    provider: name(stand.provider, "provider"),
    sample,
    settings: stand.settings,
    version,
  };
}

function versionLevels(given: Levels | undefined, own: string | undefined): readonly (readonly string[])[] | undefined {
  const list = levels(given, own, "version");
  return list.length === 2 && list[0]?.length === 0 && list[1]?.length === 0 ? undefined : list;
}

const NO_LEVELS: readonly (readonly string[])[] = [[], []];

function levels(
  given: Levels | undefined,
  own: string | readonly string[] | undefined,
  field: string,
): readonly (readonly string[])[] {
  if (own === undefined && given === undefined) return NO_LEVELS;
  const runs = given?.runs?.map((level) => names(level, field)) ?? [];
  return [names(given?.cache, field), ...runs, [...names(given?.call, field), ...names(own, field)]];
}

function names(level: string | readonly string[] | undefined, field: string): readonly string[] {
  if (level === undefined) return [];
  const list = typeof level === "string" ? [level] : level;
  if (!Array.isArray(list) || list.some((item) => typeof item !== "string")) {
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `${field} must be a string or a list of strings.`);
  }
  return list as readonly string[];
}

function name(value: string | undefined, field: string): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `${field} must be a string, not ${typeof value}.`);
}

function sampleOf(request: CacheRequest): number {
  const { sample = 0 } = request;
  if (!Number.isSafeInteger(sample) || sample < 0) {
    throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `sample must be a whole number from 0, not ${String(sample)}.`);
  }
  return sample;
}

function notJsonError(record: IdentityRecord): LLMCacheError {
  for (const member of ["prompt", "context", "settings"] as const) {
    if (record[member] === undefined) continue;
    const found = findProblem(record[member], "members", member, 1);
    if (found) {
      return new LLMCacheError(
        "ERR_LLMCACHE_REQUEST",
        `A request must be JSON to have a key: at ${found.path}, ${found.problem}.`,
      );
    }
  }
  return new LLMCacheError(
    "ERR_LLMCACHE_REQUEST",
    "A request must be JSON to have a key, and stay the same while it is read.",
  );
}

function hmacWith(secret: string | Uint8Array): (bytes: Uint8Array) => string {
  return (bytes) => createHmac("sha256", secret).update(bytes).digest("hex");
}
