import type { BetaContentBlock } from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type { ContentBlock } from "@anthropic-ai/sdk/resources/messages/messages";
import type { JsonObject } from "@llmcache/core";

/** How a stream says a block: in pieces of text, of thoughts, of a call's input; or whole, where it begins. */
export type BlockForm = "text" | "thinking" | "call" | "whole";

/** By type; `undefined` for a kind that is not converted between the two forms. */
const FORMS = {
  text: "text",
  thinking: "thinking",
  redacted_thinking: "whole",
  tool_use: "call",
  server_tool_use: "call",
  mcp_tool_use: "call",
  advisor_tool_result: "whole",
  bash_code_execution_tool_result: "whole",
  code_execution_tool_result: "whole",
  container_upload: "whole",
  fallback: "whole",
  mcp_tool_listing: "whole",
  mcp_tool_result: "whole",
  text_editor_code_execution_tool_result: "whole",
  tool_search_tool_result: "whole",
  web_fetch_tool_result: "whole",
  web_search_tool_result: "whole",
  compaction: undefined,
} satisfies Record<(ContentBlock | BetaContentBlock)["type"], BlockForm | undefined>;

/** `undefined` for a block that nobody knows how a stream says. */
export function blockFormOf({ type }: JsonObject): BlockForm | undefined {
  return typeof type === "string" && Object.hasOwn(FORMS, type) ? FORMS[type as keyof typeof FORMS] : undefined;
}
