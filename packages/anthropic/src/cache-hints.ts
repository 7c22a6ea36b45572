import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/**
 * A request without the hints (`cache_control`) that say what the provider keeps of its prompt: of the request, of blocks of the system
 * prompt and of messages, of blocks inside these, and of tools. Whatever is called so elsewhere (in a schema, in a tool's input, in
 * a text) is no hint.
 */
export function withoutHints(body: JsonObject): JsonObject {
  const { cache_control: _hint, ...rest } = body;
  return withList(withList(withList(rest, "system", bare), "tools", bareTool), "messages", (message) =>
    isJsonObject(message) ? withList(message, "content", bare) : message,
  );
}

/** A block without its hint, and without those of the blocks in it. */
function bare(block: Json): Json {
  if (!isJsonObject(block)) return block;
  const plain = withoutHint(block);
  switch (plain["type"]) {
    case "tool_result":
    case "mcp_tool_result":
    case "search_result":
      return withList(plain, "content", bare);
    case "document": {
      const { source } = plain;
      if (!isJsonObject(source) || source["type"] !== "content") return plain;
      return { ...plain, source: withList(source, "content", bare) };
    }
    case "tool_addition": {
      const { tool } = plain;
      if (!isJsonObject(tool) || !isJsonObject(tool["definition"])) return plain;
      return { ...plain, tool: { ...tool, definition: withoutHint(tool["definition"]) } };
    }
    default:
      return plain;
  }
}

function bareTool(tool: Json): Json {
  return isJsonObject(tool) ? withoutHint(tool) : tool;
}

/** The object with the items of one of its lists changed; an object that has no such list stays as it is. */
function withList(value: JsonObject, name: string, change: (item: Json) => Json): JsonObject {
  const list = value[name];
  return Array.isArray(list) ? { ...value, [name]: (list as readonly Json[]).map(change) } : value;
}

/** A hint is an object with a type, or null. */
function withoutHint(value: JsonObject): JsonObject {
  if (!("cache_control" in value)) return value;
  const { cache_control: hint, ...rest } = value;
  return hint === null || (isJsonObject(hint) && typeof hint["type"] === "string") ? rest : value;
}
