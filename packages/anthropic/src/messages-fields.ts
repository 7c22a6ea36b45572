import type {
  MessageCreateParams as BetaParams,
  BetaMetadata,
} from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type { MessageCreateParams, Metadata } from "@anthropic-ai/sdk/resources/messages/messages";
import type { FieldOf, FieldRole } from "@llmcache/fetch";

/**
 * Every field of a Messages request that the SDK knows, also of its beta. The type check fails when the SDK gains one, until somebody
 * decides about it here. Fields that the SDK does not know count.
 */
export const MESSAGES_FIELDS: Readonly<Record<FieldOf<MessageCreateParams | BetaParams>, FieldRole>> = {
  max_tokens: "counts",
  messages: "counts",
  model: "counts",
  // The SDK sends it as the header `anthropic-beta`, which counts.
  betas: "counts",
  billing_policy: "counts",
  // Says what the provider keeps of the prompt, at which price; not what it answers.
  cache_control: "ignored",
  compaction: "counts",
  // Not cached at all, unless hosted tools are: what is in it changes.
  container: "counts",
  context_management: "counts",
  // The answer tells of it.
  diagnostics: "counts",
  fallback_credit_token: "counts",
  fallbacks: "counts",
  inference_geo: "counts",
  // Not cached at all, unless hosted tools are.
  mcp_servers: "counts",
  // But for its `user_id`.
  metadata: "counts",
  output_config: "counts",
  output_format: "counts",
  service_tier: "counts",
  speed: "counts",
  stop_sequences: "counts",
  // The form of the answer: one entry serves both.
  stream: "ignored",
  system: "counts",
  thinking: "counts",
  // Not cached at all: the answer is added to it.
  thread: "counts",
  tool_choice: "counts",
  tools: "counts",
  // The SDK sends them as headers, which count.
  user_profile_id: "counts",
  workspace_id: "counts",
} satisfies Record<FieldOf<MessageCreateParams | BetaParams>, FieldRole>;

/** The same for the fields of `metadata`. */
export const METADATA_FIELDS: Readonly<Record<FieldOf<Metadata | BetaMetadata>, FieldRole>> = {
  // Who asks, for the provider's protection against abuse; the answer does not repeat it.
  user_id: "ignored",
} satisfies Record<FieldOf<Metadata | BetaMetadata>, FieldRole>;
