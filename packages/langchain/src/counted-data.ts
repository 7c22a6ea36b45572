import { createHash } from "node:crypto";
import type { Json } from "@llmcache/core";
import { isPlain } from "./plain-json.ts";

/** Members that do not change an answer: tracing, retries, how a connection is made. So named at the top and among a client's options only. */
const NOT_COUNTED: ReadonlySet<string> = new Set([
  "organization",
  "callbacks",
  "callbackManager",
  "verbose",
  "cache",
  "tags",
  "metadata",
  "maxRetries",
  "batchSize",
  "maxConcurrency",
  "timeout",
  "onFailedAttempt",
  "caller",
  "callOptions",
  "disableStreaming",
  "streaming",
  "streamUsage",
  "name",
  "dangerouslyAllowBrowser",
  "httpAgent",
  "fetch",
  "fetchOptions",
  "logger",
  "logLevel",
]);
/** Options of a client, and what of them is sent with each request. */
const CLIENT = /^(?:configuration|client_?(?:options|config)|default_?(?:headers|query))$/i;
/** Names of credentials, wherever they stand. */
const CREDENTIAL =
  /api[-_]?key$|secret|password|(?:access|auth|bearer|session|refresh|api|ad)[-_]?token$|access[-_]?key|private[-_]?key|subscription[-_]?key|credentials|^(?:proxy-)?authorization$|^cookie$/i;
/** The same of a client's options and of what stands at the top. */
const CLIENTS_CREDENTIAL = /^(?:key|token|auth)$/i;
/** The same of queries. */
const QUERYS_CREDENTIAL = /^(?:code|sig|signature)$/i;
/** Where a model asks: left out where an alias stands for it. */
const ADDRESS = /(?:base_?url|base_?path|api_?url|endpoint)$/i;
/** Nobody nests data deeper; in a cycle it goes on for ever. */
const MAX_DEPTH = 200;

/** What is left out. */
export interface DataOptions {
  /** Addresses, which an alias stands for. */
  readonly hasAlias: boolean;
  /** The identity of an instance that stands among the data; `undefined` for one that does not count. */
  readonly ofInstance?: ((instance: object) => Json | undefined) | undefined;
}

/**
 * Members of an object that count, as data: without credentials, functions, and instances that have no identity.
 *
 * @throws RangeError for what is nested too deep, or in itself.
 */
export function countedMembers(members: object, options: DataOptions): Record<string, Json> {
  return membersOf(members, true, options, 0);
}

/** A URL without credentials. */
export function plainAddress(text: string): string {
  if (!URL.canParse(text)) return text;
  const { origin, host, protocol, pathname, searchParams } = new URL(text);
  const query = [...searchParams].filter(([name]) => !isCredential(name) && !QUERYS_CREDENTIAL.test(name));
  const search = query.length === 0 ? "" : `?${new URLSearchParams(query).toString()}`;
  return `${origin === "null" ? `${protocol}//${host}` : origin}${pathname.replace(/\/+$/, "")}${search}`;
}

function membersOf(members: object, isOuter: boolean, options: DataOptions, depth: number): Record<string, Json> {
  if (depth > MAX_DEPTH) throw new RangeError("The model's arguments are nested too deep, or in themselves.");
  const data: Record<string, Json> = {};
  for (const [name, member] of Object.entries(members)) {
    if (isOuter && (NOT_COUNTED.has(name) || isCredential(name))) continue;
    const isAddress = isOuter && ADDRESS.test(name);
    if (isAddress && options.hasAlias) continue;
    const own =
      typeof member === "string"
        ? textOf(member, isAddress, CREDENTIAL.test(name) || QUERYS_CREDENTIAL.test(name))
        : dataOf(member, isOuter && CLIENT.test(name), options, depth + 1);
    if (own !== undefined)
      Object.defineProperty(data, name, { value: own, enumerable: true, writable: true, configurable: true });
  }
  return data;
}

function isCredential(name: string): boolean {
  return CREDENTIAL.test(name) || CLIENTS_CREDENTIAL.test(name);
}

/** What is called like a credential further inside may be data all the same: it counts, and is not told. */
function textOf(text: string, isAddress: boolean, isSecret: boolean): string {
  if (isSecret) return createHash("sha256").update(text).digest("hex");
  return isAddress ? plainAddress(text) : text;
}

function dataOf(value: unknown, isOuter: boolean, options: DataOptions, depth: number): Json | undefined {
  if (typeof value === "function" || typeof value === "symbol" || value === undefined) return undefined;
  if (typeof value !== "object" || value === null) return value as Json;
  if (Array.isArray(value)) {
    if (depth > MAX_DEPTH) throw new RangeError("The model's arguments are nested too deep, or in themselves.");
    return value.map((item) => dataOf(item, false, options, depth + 1) ?? null);
  }
  return isPlain(value) ? membersOf(value, isOuter, options, depth) : options.ofInstance?.(value);
}
