import { LLMCacheError, type Json, type JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

const NAMES = ["message-ids", "cache-hints", "tool-order"] as const;

/**
 * What does not tell two requests apart where the caller says so:
 * - `"message-ids"`: the `id` of messages in the `input` of Responses. Ids that stand for something (of references, reasoning,
 *   calls) count, as does that of a message without content;
 * - `"cache-hints"`: `prompt_cache_key`, and `cache_control` of the request, a message, a part of its content, or a tool;
 * - `"tool-order"`: the order of `tools` with different names or types.
 */
export type Equivalence = (typeof NAMES)[number];

/** The list of a body in which the conversation stands. */
export type Conversation = "messages" | "input";

/**
 * A function that makes equal what counts as equal. All that these rules do not name it leaves as it is.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming a rule that there is not.
 */
export function equalizer(
  rules: readonly Equivalence[] = [],
  conversation?: Conversation,
): (body: JsonObject) => JsonObject {
  for (const rule of rules) {
    if (!NAMES.includes(rule)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `equivalent: ${JSON.stringify(rule)} is no rule; known are ${NAMES.join(", ")}.`,
      );
    }
  }
  if (rules.length === 0) return (body) => body;
  const steps: ((body: JsonObject) => JsonObject)[] = [];
  if (rules.includes("message-ids") && conversation === "input")
    steps.push((body) => withList(body, "input", withoutMessageId));
  if (rules.includes("cache-hints")) steps.push((body) => withoutHints(body, conversation));
  if (rules.includes("tool-order")) steps.push(withSortedTools);
  return (body) => steps.reduce((equal, step) => step(equal), body);
}

/** The object with the items of one of its lists changed; an object that has no such list stays as it is. */
function withList(body: JsonObject, name: string, change: (item: Json) => Json): JsonObject {
  const list = body[name];
  return Array.isArray(list) ? { ...body, [name]: (list as readonly Json[]).map(change) } : body;
}

function withoutMessageId(item: Json): Json {
  if (!isJsonObject(item) || typeof item["id"] !== "string" || typeof item["role"] !== "string") return item;
  const { id: _id, ...rest } = item;
  const { type = "message", content } = item;
  const says = typeof content === "string" ? content !== "" : Array.isArray(content) && content.length > 0;
  return type === "message" && says ? rest : item;
}

function withoutHints(body: JsonObject, conversation: Conversation | undefined): JsonObject {
  const { prompt_cache_key: _key, ...rest } = withoutHint(body);
  const bare = withList(rest, "tools", withoutToolHint);
  if (conversation === undefined) return bare;
  return withList(bare, conversation, (message) =>
    isJsonObject(message) ? withList(withoutHint(message), "content", hintless) : message,
  );
}

/** The tool itself may bear a hint, or the function in it; what is in its schema is not a hint. */
function withoutToolHint(tool: Json): Json {
  if (!isJsonObject(tool)) return tool;
  const bare = withoutHint(tool);
  return isJsonObject(bare["function"]) ? { ...bare, function: withoutHint(bare["function"]) } : bare;
}

function hintless(value: Json): Json {
  return isJsonObject(value) ? withoutHint(value) : value;
}

/** A hint is an object with a type, or null. */
function withoutHint(value: JsonObject): JsonObject {
  const { cache_control: hint, ...rest } = value;
  return hint === null || (isJsonObject(hint) && typeof hint["type"] === "string") ? rest : value;
}

/** Tools of one type and name stay in their order. */
function withSortedTools(body: JsonObject): JsonObject {
  const { tools } = body;
  if (!Array.isArray(tools)) return body;
  const named = (tools as readonly Json[]).map((tool) => ({ tool, names: namesOf(tool) }));
  return { ...body, tools: named.sort((a, b) => compare(a.names, b.names)).map(({ tool }) => tool) };
}

function namesOf(tool: Json): readonly string[] {
  if (!isJsonObject(tool)) return ["", ""];
  const { type, name, function: fn, custom } = tool;
  const own = [name, isJsonObject(fn) ? fn["name"] : undefined, isJsonObject(custom) ? custom["name"] : undefined];
  return [own.find((each) => typeof each === "string") ?? "", type].map((each) =>
    typeof each === "string" ? each : "",
  );
}

function compare(a: readonly string[], b: readonly string[]): number {
  for (const [index, text] of a.entries()) {
    const other = b[index] ?? "";
    if (text !== other) return text < other ? -1 : 1;
  }
  return 0;
}
