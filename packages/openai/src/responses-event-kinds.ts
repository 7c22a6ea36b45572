import type { ResponseStreamEvent } from "openai/resources/responses/responses";

type EventType = ResponseStreamEvent["type"];

/**
 * Every event of a Responses stream that the SDK knows: does the Response at the end say what it says? The type check fails when
 * the SDK gains one, until somebody decides about it here. Of events that nobody knows it is not assumed.
 */
const EVENTS: Readonly<Record<EventType, "told" | "lost">> = {
  "response.audio.delta": "lost",
  "response.audio.done": "lost",
  "response.audio.transcript.delta": "lost",
  "response.audio.transcript.done": "lost",
  "response.code_interpreter_call_code.delta": "told",
  "response.code_interpreter_call_code.done": "told",
  "response.code_interpreter_call.completed": "told",
  "response.code_interpreter_call.in_progress": "told",
  "response.code_interpreter_call.interpreting": "told",
  "response.compaction.compacting": "told",
  "response.completed": "told",
  "response.content_part.added": "told",
  "response.content_part.done": "told",
  "response.created": "told",
  error: "lost",
  "response.file_search_call.completed": "told",
  "response.file_search_call.in_progress": "told",
  "response.file_search_call.searching": "told",
  "response.function_call_arguments.delta": "told",
  "response.function_call_arguments.done": "told",
  "response.shell_call_command.added": "told",
  "response.shell_call_command.delta": "told",
  "response.shell_call_command.done": "told",
  "response.shell_call_output_content.delta": "told",
  "response.shell_call_output_content.done": "told",
  "response.in_progress": "told",
  "response.failed": "told",
  "response.incomplete": "told",
  "response.output_item.added": "told",
  "response.output_item.done": "told",
  "response.reasoning_summary_part.added": "told",
  "response.reasoning_summary_part.done": "told",
  "response.reasoning_summary_text.delta": "told",
  "response.reasoning_summary_text.done": "told",
  "response.reasoning_text.delta": "told",
  "response.reasoning_text.done": "told",
  "response.refusal.delta": "told",
  "response.refusal.done": "told",
  "response.output_text.delta": "told",
  "response.output_text.done": "told",
  "response.web_search_call.completed": "told",
  "response.web_search_call.in_progress": "told",
  "response.web_search_call.searching": "told",
  "response.image_generation_call.completed": "told",
  "response.image_generation_call.generating": "told",
  "response.image_generation_call.in_progress": "told",
  // Sent to streams alone, when they ask for it.
  "response.image_generation_call.partial_image": "told",
  "response.mcp_call_arguments.delta": "told",
  "response.mcp_call_arguments.done": "told",
  "response.mcp_call.completed": "told",
  "response.mcp_call.failed": "told",
  "response.mcp_call.in_progress": "told",
  "response.mcp_list_tools.completed": "told",
  "response.mcp_list_tools.failed": "told",
  "response.mcp_list_tools.in_progress": "told",
  "response.output_text.annotation.added": "told",
  "response.queued": "told",
  "response.custom_tool_call_input.delta": "told",
  "response.custom_tool_call_input.done": "told",
} satisfies Record<EventType, "told" | "lost">;

const TOLD: ReadonlySet<string> = new Set([
  ...Object.entries(EVENTS).flatMap(([type, fate]) => (fate === "told" ? [type] : [])),
  // Says nothing, and is in no type.
  "keepalive",
]);

/** Does the Response at the end say what an event of this type says? */
export function isToldByResponse(type: string): boolean {
  return TOLD.has(type);
}

/** A text that comes in pieces. */
export interface TextKind {
  /** Its events are `<stem>.delta` with a piece in `delta`, and `<stem>.done` with all of it. */
  readonly stem: string;
  /** Where the text stands in its item, in the part of it, and in the event that ends it. */
  readonly member: string;
  /** The type of part it is the text of, the list of these, and what an event calls the position in it. */
  readonly part?: { readonly type: string; readonly list: string; readonly index: string };
}

const CONTENT = { list: "content", index: "content_index" };
const SUMMARY = { list: "summary", index: "summary_index" };

/** The texts whose pieces are put together. */
export const TEXT_KINDS: Readonly<
  Record<"text" | "refusal" | "reasoning" | "summary" | "arguments" | "input" | "mcp" | "code", TextKind>
> = {
  text: { stem: "response.output_text", member: "text", part: { ...CONTENT, type: "output_text" } },
  refusal: { stem: "response.refusal", member: "refusal", part: { ...CONTENT, type: "refusal" } },
  reasoning: { stem: "response.reasoning_text", member: "text", part: { ...CONTENT, type: "reasoning_text" } },
  summary: { stem: "response.reasoning_summary_text", member: "text", part: { ...SUMMARY, type: "summary_text" } },
  arguments: { stem: "response.function_call_arguments", member: "arguments" },
  input: { stem: "response.custom_tool_call_input", member: "input" },
  mcp: { stem: "response.mcp_call_arguments", member: "arguments" },
  code: { stem: "response.code_interpreter_call_code", member: "code" },
};

const BY_TYPE: ReadonlyMap<string, TextKind> = new Map(
  Object.values(TEXT_KINDS).flatMap((kind) => [
    [`${kind.stem}.delta`, kind],
    [`${kind.stem}.done`, kind],
  ]),
);

/** The text that an event of this type is a piece or the end of. */
export function textKindOf(type: string): TextKind | undefined {
  return BY_TYPE.get(type);
}
