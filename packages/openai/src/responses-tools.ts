import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/** Tools that only the caller runs: an answer is a call of them. Searching for one, and drawing, looks at nothing that changes. */
const PLAIN_TOOLS: ReadonlySet<string> = new Set([
  "function",
  "custom",
  "local_shell",
  "apply_patch",
  "tool_search",
  "image_generation",
]);

/** What an answer consists of where no other tools were used. */
const PLAIN_ITEMS: ReadonlySet<string> = new Set([
  "message",
  "reasoning",
  "function_call",
  "custom_tool_call",
  "local_shell_call",
  "shell_call",
  "apply_patch_call",
  "tool_search_call",
  "tool_search_output",
  "additional_tools",
  "image_generation_call",
  "compaction",
]);

/**
 * May the provider run a tool for this request that looks at what changes (the web, files, a screen) or does something (code in a
 * container, MCP)? Tools that nobody knows are such tools.
 */
export function usesHostedTools(body: JsonObject): boolean {
  const { tools, input } = body;
  if (Array.isArray(tools) && (tools as readonly Json[]).some(isHosted)) return true;
  return (
    Array.isArray(input) &&
    (input as readonly Json[]).some(
      (item) =>
        isJsonObject(item) && item["type"] === "additional_tools" && usesHostedTools({ tools: item["tools"] ?? [] }),
    )
  );
}

/** Was such a tool used for this part of an answer? */
export function isHostedItem(item: JsonObject): boolean {
  const { type } = item;
  return typeof type !== "string" || !PLAIN_ITEMS.has(type);
}

function isHosted(tool: Json): boolean {
  if (!isJsonObject(tool)) return true;
  const { type, tools, environment } = tool;
  if (type === "namespace") return !Array.isArray(tools) || (tools as readonly Json[]).some(isHosted);
  if (type === "shell") return !isJsonObject(environment) || environment["type"] !== "local";
  return typeof type !== "string" || !PLAIN_TOOLS.has(type);
}
