import { cut } from "./pieces.ts";
import { inputsOf, textPieces, type Block, type Message } from "./anthropic-message.ts";
import type { ChatScript } from "./script.ts";

/** One event of a Messages stream. */
export type MessageEvent = Readonly<Record<string, unknown>> & { readonly type: string };

const AT_THE_END = ["stop_reason", "stop_sequence", "stop_details", "container"] as const;
const CUMULATIVE = [
  "input_tokens",
  "cache_creation_input_tokens",
  "cache_read_input_tokens",
  "output_tokens",
  "server_tool_use",
  "output_tokens_details",
] as const;

/** A message as the events of a stream, in the order in which Anthropic sends them, with a ping behind the first. */
export function messageEvents(message: Message, script: ChatScript): MessageEvent[] {
  const { usage } = message as { readonly usage?: Readonly<Record<string, unknown>> };
  const open = Object.fromEntries(AT_THE_END.filter((name) => name in message).map((name) => [name, null]));
  const begun = {
    ...message,
    content: [],
    ...open,
    ...(usage !== undefined && { usage: { ...usage, output_tokens: 1 } }),
  };
  const inputs = [...inputsOf(script)];
  return [
    { type: "message_start", message: begun },
    { type: "ping" },
    ...message.content.flatMap((block, index) => [...blockEvents(block, index, script, inputs)]),
    {
      type: "message_delta",
      delta: only(message, AT_THE_END),
      ...(usage !== undefined && { usage: only(usage, CUMULATIVE) }),
    },
    { type: "message_stop" },
  ];
}

function* blockEvents(block: Block, index: number, script: ChatScript, inputs: string[]): Generator<MessageEvent> {
  yield { type: "content_block_start", index, content_block: begunBlock(block) };
  for (const delta of deltasOf(block, script, inputs)) yield { type: "content_block_delta", index, delta };
  yield { type: "content_block_stop", index };
}

/** A block as it is announced. */
function begunBlock(block: Block): object {
  switch (block.type) {
    case "text":
      return { ...block, text: "", ...(Array.isArray(block["citations"]) && { citations: [] }) };
    case "thinking":
      return { ...block, thinking: "", signature: "" };
    case "tool_use":
    case "server_tool_use":
      return { ...block, input: {} };
    default:
      return block;
  }
}

function* deltasOf(block: Block, script: ChatScript, inputs: string[]): Generator<object> {
  switch (block.type) {
    case "text":
      for (const citation of (block["citations"] as readonly unknown[] | null) ?? [])
        yield { type: "citations_delta", citation };
      for (const text of textPieces(String(block["text"]), script)) yield { type: "text_delta", text };
      break;
    case "thinking":
      for (const thinking of cut(String(block["thinking"]))) yield { type: "thinking_delta", thinking };
      yield { type: "signature_delta", signature: block["signature"] };
      break;
    case "tool_use":
    case "server_tool_use": {
      const written = block.type === "tool_use" ? inputs.shift() : undefined;
      yield { type: "input_json_delta", partial_json: "" };
      for (const partial_json of cut(written ?? JSON.stringify(block["input"])))
        yield { type: "input_json_delta", partial_json };
      break;
    }
    default:
  }
}

function only(value: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}
