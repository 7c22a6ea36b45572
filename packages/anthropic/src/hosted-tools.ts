import type { BetaContentBlock, BetaToolUnion } from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type { ContentBlock, ToolUnion } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/**
 * `"plain"`: the answer says what the caller is to run, or nothing that changes is looked at; `"hosted"`: the provider looks at what
 * changes or does something, or the caller runs it on a screen, which changes under an answer.
 */
type ToolPlace = "plain" | "hosted";
type Typed<T> = T extends { readonly type?: infer Type } ? NonNullable<Type> & string : never;

/** Every kind of tool that the SDK knows. One that it does not know is hosted. */
const TOOLS = {
  custom: "plain",
  bash_20241022: "plain",
  bash_20250124: "plain",
  text_editor_20241022: "plain",
  text_editor_20250124: "plain",
  text_editor_20250429: "plain",
  text_editor_20250728: "plain",
  memory_20250818: "plain",
  tool_search_tool_bm25: "plain",
  tool_search_tool_bm25_20251119: "plain",
  tool_search_tool_regex: "plain",
  tool_search_tool_regex_20251119: "plain",
  advisor_20260301: "hosted",
  browser_toolset_20260801: "hosted",
  code_execution_20250522: "hosted",
  code_execution_20250825: "hosted",
  code_execution_20260120: "hosted",
  code_execution_20260521: "hosted",
  computer_20241022: "hosted",
  computer_20250124: "hosted",
  computer_20251124: "hosted",
  computer_toolset_20260801: "hosted",
  mcp_toolset: "hosted",
  web_fetch_20250910: "hosted",
  web_fetch_20260209: "hosted",
  web_fetch_20260309: "hosted",
  web_fetch_20260318: "hosted",
  web_search_20250305: "hosted",
  web_search_20260209: "hosted",
  web_search_20260318: "hosted",
} satisfies Record<Typed<ToolUnion | BetaToolUnion>, ToolPlace>;

/** Every kind of block that an answer may consist of. One that the SDK does not know was made by a hosted tool. */
const BLOCKS = {
  text: "plain",
  thinking: "plain",
  redacted_thinking: "plain",
  tool_use: "plain",
  compaction: "plain",
  fallback: "plain",
  tool_search_tool_result: "plain",
  // But for a search for tools.
  server_tool_use: "hosted",
  advisor_tool_result: "hosted",
  bash_code_execution_tool_result: "hosted",
  code_execution_tool_result: "hosted",
  container_upload: "hosted",
  mcp_tool_listing: "hosted",
  mcp_tool_result: "hosted",
  mcp_tool_use: "hosted",
  text_editor_code_execution_tool_result: "hosted",
  web_fetch_tool_result: "hosted",
  web_search_tool_result: "hosted",
} satisfies Record<Typed<ContentBlock | BetaContentBlock>, ToolPlace>;

/** May a hosted tool be used for this request? */
export function usesHostedTools(body: JsonObject): boolean {
  const { tools, mcp_servers: servers, container, messages } = body;
  if (isGiven(container) || (isGiven(servers) && !isEmptyList(servers))) return true;
  if (isGiven(tools) && (!Array.isArray(tools) || (tools as readonly Json[]).some(isHosted))) return true;
  return Array.isArray(messages) && (messages as readonly Json[]).some(bringsHostedTools);
}

/** Was a hosted tool used for this block of an answer? */
export function isHostedBlock({ type, name }: JsonObject): boolean {
  if (type === "server_tool_use") return typeof name !== "string" || !name.startsWith("tool_search_tool_");
  return placeIn(BLOCKS, type) !== "plain";
}

/** Tools may come and go in the middle of a conversation; files are put into a container. */
function bringsHostedTools(message: Json): boolean {
  const content = isJsonObject(message) ? message["content"] : undefined;
  if (!Array.isArray(content)) return false;
  return (content as readonly Json[]).some((block) => {
    if (!isJsonObject(block)) return false;
    if (block["type"] === "container_upload") return true;
    if (block["type"] !== "tool_addition") return false;
    const { tool } = block;
    if (!isJsonObject(tool)) return true;
    return tool["type"] !== "tool_reference" && (tool["type"] !== "tool_definition" || isHosted(tool["definition"]));
  });
}

/** A tool without a type is one of the caller's. */
function isHosted(tool: Json | undefined): boolean {
  return !isJsonObject(tool) || placeIn(TOOLS, tool["type"] ?? "custom") !== "plain";
}

function placeIn(places: Readonly<Record<string, ToolPlace>>, type: Json | undefined): ToolPlace | undefined {
  return typeof type === "string" && Object.hasOwn(places, type) ? places[type] : undefined;
}

function isGiven(value: Json | undefined): value is NonNullable<Json> {
  return value !== undefined && value !== null;
}

function isEmptyList(value: Json): boolean {
  return Array.isArray(value) && value.length === 0;
}
