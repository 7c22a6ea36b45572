import type { BaseMessage } from "@langchain/core/messages";
import type { Json } from "@llmcache/core";
import { plainJson } from "./plain-json.ts";

/** Ids that LangChain and LangGraph make up for messages that have none: of a run, or random. */
const MADE_UP = /^(?:lc_)?run-|^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Members of messages that do not count: what a message cost is not sent again, and how it was made is known by its type. */
const IGNORED: ReadonlySet<string> = new Set([
  "id",
  "usage_metadata",
  "lc_kwargs",
  "lc_namespace",
  "lc_serializable",
  "lc_runnable",
  "tool_call_chunks",
  "type",
]);

/** A message as it counts in the key: all its members, in their structure. */
export function messageIdentity(message: BaseMessage): Json {
  const identity: Record<string, Json> = { type: message.getType() };
  for (const [name, value] of Object.entries(message)) {
    if (IGNORED.has(name) || value === undefined || isEmpty(value)) continue;
    identity[name] = plainJson(value);
  }
  if (typeof message.id === "string" && !MADE_UP.test(message.id)) identity["id"] = message.id;
  return identity;
}

/** `{}` and `[]` are what constructors fill in. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
