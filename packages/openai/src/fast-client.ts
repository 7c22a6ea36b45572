import type { OpenAI } from "openai";
import type { ClientInside } from "./sdk-inside.ts";

/** The steps between a method and `fetch`, and behind it: who changes one of them wants to see every request. */
type Steps = Readonly<
  Record<
    | "request"
    | "methodRequest"
    | "post"
    | "buildURL"
    | "buildRequest"
    | "buildHeaders"
    | "buildBody"
    | "authHeaders"
    | "validateHeaders"
    | "defaultQuery"
    | "prepareRequest"
    | "fetchWithAuth"
    | "fetchWithTimeout"
    | "parseResponseWithTimeout",
    unknown
  >
>;
/** The steps that we stand in front of. */
const SEAMS = ["makeRequest", "responsePromise", "parseResponseWithTimeout", "buildURL"] as const;

/** Levels at which the SDK says nothing of requests that go well. */
const SILENT: ReadonlySet<unknown> = new Set([undefined, "off", "error", "warn"]);
/** Client-wide options of `fetch` that only say which way a request takes. */
const HARMLESS_FETCH_OPTIONS: ReadonlySet<string> = new Set(["dispatcher", "agent", "keepalive"]);

/** Has this version of the SDK the steps that we stand in front of? */
export function hasSeams(client: OpenAI): boolean {
  return SEAMS.every((name) => typeof (client as unknown as Record<string, unknown>)[name] === "function");
}

/** Is it the SDK's own client, and no class derived from it (Azure's, say), as far as it can be told before it is used? */
export function isPlainClient(client: OpenAI): boolean {
  const prototype = Object.getPrototypeOf(client) as object;
  return Object.getPrototypeOf(prototype) === Object.prototype && !SEAMS.some((name) => Object.hasOwn(client, name));
}

/** Has nobody put a step of his own on this client since? One by one, for it is asked of every call. */
export function isUnchanged(client: OpenAI): boolean {
  const own = client as unknown as Steps;
  const given = Object.getPrototypeOf(client) as Steps;
  return (
    own.request === given.request &&
    own.methodRequest === given.methodRequest &&
    own.post === given.post &&
    own.buildURL === given.buildURL &&
    own.buildRequest === given.buildRequest &&
    own.buildHeaders === given.buildHeaders &&
    own.buildBody === given.buildBody &&
    own.authHeaders === given.authHeaders &&
    own.validateHeaders === given.validateHeaders &&
    own.defaultQuery === given.defaultQuery &&
    own.prepareRequest === given.prepareRequest &&
    own.fetchWithAuth === given.fetchWithAuth &&
    own.fetchWithTimeout === given.fetchWithTimeout &&
    own.parseResponseWithTimeout === given.parseResponseWithTimeout
  );
}

/** Would all its requests be sent as their body says, silently? Asked each time, for a client's members may be changed. */
export function hasHarmlessSetup(client: ClientInside): boolean {
  const { _options: options, apiKey, fetchOptions, logLevel } = client;
  if (client._provider !== undefined || client._workloadIdentityAuth !== undefined) return false;
  // A function is asked for the key each time.
  if (typeof apiKey !== "string" || typeof options.apiKey !== "string") return false;
  if (options.defaultHeaders !== undefined && options.defaultHeaders !== null) return false;
  if (hasMembers(options.defaultQuery) || client.idempotencyHeader !== undefined || !SILENT.has(logLevel)) return false;
  for (const name in fetchOptions) if (!HARMLESS_FETCH_OPTIONS.has(name)) return false;
  return true;
}

function hasMembers(value: object | undefined): boolean {
  for (const _ in value) return true;
  return false;
}
