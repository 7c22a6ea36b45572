import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import { aliasOf, countedQuery, plainPath, readJsonRequest, type WireRequest } from "@llmcache/fetch";
import type { GoogleFormatOptions } from "./format-options.ts";

/** `<base URL>/<collection>/<name>:<method>`: `/v1beta/models/gemini-3-flash:generateContent`, also behind Vertex's projects. */
const PATH = /^(.*)\/([^/]+)\/([^/:]+):([A-Za-z]+)$/;
/** In another collection (tuned models, endpoints) a name is another model. */
const MODELS = "models";
/** The form of the answer. Each method has one that is cached; calls for others (`proto`, `json;enum-encoding=int`) pass. */
const FORM = ["alt", "$alt"] as const;
const STREAMS = /^stream/;
/** Headers that can change the answer: which parts of it are wanted. */
const COUNTED_HEADERS = ["x-goog-fieldmask"] as const;

/** Which model a path asks for what. */
export interface AskedPath {
  /** Origin and path before the model: with the API version, on Vertex with project, location and publisher. */
  readonly base: string;
  readonly model: string;
  readonly method: string;
}

/** A request, as far as all methods tell their requests apart alike. */
export interface Asked extends AskedPath {
  /** The body as it was sent. */
  readonly body: JsonObject;
  /** The same, with integers that a double cannot hold as marked texts. */
  readonly exact: JsonObject;
  /** Who is asked. */
  readonly who: Pick<CacheRequest, "provider" | "model">;
  /** What counts besides the body. */
  readonly around: Readonly<Record<string, Json>>;
}

/** `undefined` for a path of another kind. */
export function askedPath({ method, url }: WireRequest): AskedPath | undefined {
  const match = method === "POST" ? PATH.exec(plainPath(url)) : null;
  if (match === null) return undefined;
  const [, before = "", collection = "", name = "", asked = ""] = match;
  return { base: url.origin + before, model: collection === MODELS ? name : `${collection}/${name}`, method: asked };
}

/** Reads requests; gives `undefined` for what is none. */
export function requestReader({
  provider,
  alias,
  countedHeaders = [],
}: GoogleFormatOptions): (request: WireRequest, bytes: Uint8Array) => Asked | undefined {
  const headerNames = [...COUNTED_HEADERS, ...countedHeaders.map((name) => name.toLowerCase())];
  return (request, bytes) => {
    const path = askedPath(request);
    if (path === undefined || !hasUsualForm(request.url, path)) return undefined;
    const read = readJsonRequest(bytes);
    if (read === undefined) return undefined;
    const common = aliasOf(path.model, alias);
    const around: Record<string, Json> = {};
    for (const name of headerNames) {
      const value = request.headers.get(name);
      if (value !== null) around[`header ${name}`] = value;
    }
    const query = countedQuery(request.url, FORM);
    if (query !== "") around["query"] = query;
    return {
      ...path,
      body: read.plain,
      exact: read.exact,
      who: common === undefined ? { provider: provider ?? path.base, model: path.model } : { model: common },
      around,
    };
  };
}

function hasUsualForm({ searchParams }: URL, { method }: AskedPath): boolean {
  const usual = STREAMS.test(method) ? "sse" : "json";
  return FORM.every((name) => searchParams.getAll(name).every((form) => form === usual));
}
