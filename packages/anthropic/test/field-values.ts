import type { Json } from "@llmcache/core";
import type { MESSAGES_FIELDS } from "../src/index.ts";

/** Two values of a field that are not the same. */
export type Pair = readonly [Json, Json];

const TOOL = { name: "f", input_schema: { type: "object" } };

/** Of values with which a request is cached. */
export const MESSAGES_VALUES: Readonly<Record<keyof typeof MESSAGES_FIELDS, Pair>> = {
  max_tokens: [10, 11],
  messages: [[{ role: "user", content: "hello" }], [{ role: "user", content: "bye" }]],
  model: ["claude-sonnet-5", "claude-opus-5"],
  betas: [["a"], ["b"]],
  billing_policy: [{ type: "a" }, { type: "b" }],
  cache_control: [{ type: "ephemeral" }, { type: "ephemeral", ttl: "1h" }],
  compaction: [{ type: "auto" }, { type: "manual" }],
  container: [null, null],
  context_management: [{ edits: [] }, { edits: [{ type: "clear_tool_uses_20250919" }] }],
  diagnostics: [{ previous_message_id: "msg_1" }, { previous_message_id: "msg_2" }],
  fallback_credit_token: ["a", "b"],
  fallbacks: [[{ model: "m" }], "default"],
  inference_geo: ["us", "eu"],
  mcp_servers: [[], null],
  metadata: [{ other: 1 }, { other: 2 }],
  output_config: [{ effort: "low" }, { effort: "high" }],
  output_format: [
    { type: "json_schema", schema: {} },
    { type: "json_schema", schema: { type: "object" } },
  ],
  service_tier: ["auto", "standard_only"],
  speed: ["standard", "fast"],
  stop_sequences: [["a"], ["b"]],
  stream: [true, false],
  system: ["Be brief.", "Be long."],
  thinking: [{ type: "disabled" }, { type: "enabled", budget_tokens: 1024 }],
  thread: [null, null],
  tool_choice: [{ type: "auto" }, { type: "any" }],
  tools: [[TOOL], [{ ...TOOL, name: "g" }]],
  user_profile_id: ["a", "b"],
  workspace_id: ["a", "b"],
};
