import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import {
  aliasOf,
  countedQuery,
  ignoredFields,
  isJsonObject,
  plainPath,
  readJsonRequest,
  withoutMembers,
  type WireRequest,
} from "@llmcache/fetch";
import { withoutHints } from "./cache-hints.ts";
import type { AnthropicFormatOptions } from "./format-options.ts";
import { MESSAGES_FIELDS, METADATA_FIELDS } from "./messages-fields.ts";
import { expectedModels } from "./other-model.ts";

/** Headers that can change the answer; all others are ignored. */
export const COUNTED_HEADERS: readonly string[] = [
  "anthropic-version",
  "anthropic-beta",
  // On whose behalf is asked, and in whose workspace, which has files and limits of its own.
  "anthropic-user-profile-id",
  "anthropic-workspace-id",
];

/** A list, in which neither order nor repetition says anything. */
const LIST_HEADER = "anthropic-beta";
const ENDPOINT = "/messages";
const IGNORED = ignoredFields(MESSAGES_FIELDS);
const IGNORED_METADATA = ignoredFields(METADATA_FIELDS);

/** A request for a message. */
export interface Asked {
  /** The body as it was sent. */
  readonly body: JsonObject;
  /** What of it counts. */
  readonly counted: JsonObject;
  /** Who is asked. */
  readonly who: Pick<CacheRequest, "provider" | "model">;
  /** What counts besides the body. */
  readonly around: Readonly<Record<string, Json>>;
  /** The models that may answer; `undefined` where any may. */
  readonly expected: readonly string[] | undefined;
}

/** Does this request ask for a message? */
export function asksForMessage({ method, url }: WireRequest): boolean {
  return method === "POST" && plainPath(url).endsWith(ENDPOINT);
}

/** Reads requests for messages; gives `undefined` for what is none. */
export function requestReader({
  provider,
  alias,
  countedHeaders = [],
  storeOtherModels = false,
}: AnthropicFormatOptions): (request: WireRequest, bytes: Uint8Array) => Asked | undefined {
  const headerNames = [...COUNTED_HEADERS, ...countedHeaders.map((name) => name.toLowerCase())];

  return (request, bytes) => {
    if (!asksForMessage(request)) return undefined;
    const read = readJsonRequest(bytes);
    const model = read?.plain["model"];
    if (read === undefined || typeof model !== "string") return undefined;
    const { url, headers } = request;
    const common = aliasOf(model, alias);
    const around: Record<string, Json> = {};
    for (const name of headerNames) {
      const value = headers.get(name);
      if (value !== null) around[`header ${name}`] = name === LIST_HEADER ? listed(value) : value;
    }
    const query = countedQuery(url);
    if (query !== "") around["query"] = query;
    const base = `${url.origin}${plainPath(url).slice(0, -ENDPOINT.length)}`;
    return {
      body: read.plain,
      counted: withoutUser(withoutMembers(withoutHints(read.exact), IGNORED)),
      who: common === undefined ? { provider: provider ?? base, model } : { model: common },
      around,
      expected: storeOtherModels || common !== undefined ? undefined : expectedModels(model, read.plain),
    };
  };
}

function listed(value: string): Json {
  return [...new Set(value.split(",").map((each) => each.trim()))].filter((each) => each !== "").sort();
}

/** Metadata that says nothing else than who asks says nothing. */
function withoutUser(body: JsonObject): JsonObject {
  const { metadata, ...others } = body;
  if (!isJsonObject(metadata)) return body;
  const rest = withoutMembers(metadata, IGNORED_METADATA);
  return Object.keys(rest).length === 0 ? others : { ...others, metadata: rest };
}
