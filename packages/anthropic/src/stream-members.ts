import type {
  BetaMessageDeltaUsage,
  BetaRawMessageDeltaEvent,
  BetaRawMessageStreamEvent,
} from "@anthropic-ai/sdk/resources/beta/messages/messages";
import type {
  MessageDeltaUsage,
  RawMessageDeltaEvent,
  RawMessageStreamEvent,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { FieldOf } from "@llmcache/fetch";

type Events = RawMessageStreamEvent | BetaRawMessageStreamEvent;
type MembersOf<Type extends Events["type"]> = Record<FieldOf<Extract<Events, { readonly type: Type }>>, true>;

const EVENTS = {
  message_start: { type: true, message: true },
  content_block_start: { type: true, index: true, content_block: true },
  content_block_delta: { type: true, index: true, delta: true },
  content_block_stop: { type: true, index: true },
  message_delta: { type: true, delta: true, usage: true, context_management: true, input_transformations: true },
  message_stop: { type: true },
} satisfies { readonly [Type in Events["type"]]: MembersOf<Type> };

/** Of Bedrock: counts and times, which no answer in one piece has. */
const METRICS = "amazon-bedrock-invocationMetrics";

/** The members of each event that a message put together holds too. */
export const EVENT_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(EVENTS).map(([type, members]) => [type, new Set([...Object.keys(members), METRICS])]),
);

/** What the end of a message may say of it. */
export const DELTA_MEMBERS: ReadonlySet<string> = new Set(
  Object.keys({ stop_reason: true, stop_sequence: true, stop_details: true, container: true } satisfies Record<
    FieldOf<RawMessageDeltaEvent.Delta | BetaRawMessageDeltaEvent.Delta>,
    true
  >),
);

const USAGE = {
  cache_creation_input_tokens: true,
  cache_read_input_tokens: true,
  fallback_credit: true,
  input_tokens: true,
  iterations: true,
  output_tokens: true,
  output_tokens_details: true,
  server_tool_use: true,
} satisfies Record<FieldOf<MessageDeltaUsage | BetaMessageDeltaUsage>, true>;

/** What the end of a message says of its usage. */
export const USAGE_MEMBERS: ReadonlySet<string> = new Set(Object.keys(USAGE));
