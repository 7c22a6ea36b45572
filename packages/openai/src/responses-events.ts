import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, type ServerSentEvent } from "@llmcache/fetch";
import { assembleResponse } from "./responses-assembly.ts";
import { TEXT_KINDS, type TextKind } from "./responses-event-kinds.ts";

/** An event before it has its number. */
type Told = JsonObject & { readonly type: string };

/**
 * A Response as the stream it might have come as; `undefined` if it did not end well, or has items that nobody knows how a stream
 * says. The last event holds all of it; what comes before is proven each time to agree with that.
 */
export function responseEvents(answer: Json): readonly ServerSentEvent[] | undefined {
  if (!isJsonObject(answer) || !Array.isArray(answer["output"]) || typeof answer["id"] !== "string") return undefined;
  const { status } = answer;
  if (status !== "completed" && status !== "incomplete") return undefined;
  const output = answer["output"] as readonly Json[];
  const items: Told[] = [];
  const seen = new Set<string>();
  for (const [index, item] of output.entries()) {
    const told = isJsonObject(item) ? itemEvents(item, index, seen) : undefined;
    if (told === undefined) return undefined;
    items.push(...told);
  }
  const begun = beginningOf(answer);
  const events = [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    ...items,
    { type: `response.${status}`, response: answer },
  ].map((event, number) => ({
    event: event.type,
    data: JSON.stringify({ ...event, sequence_number: number }),
  }));
  const back = assembleResponse(events);
  return back.agrees && back.lossless && isDeepStrictEqual(back.response, answer) ? events : undefined;
}

/** The Response as it was before anything was said. */
function beginningOf(answer: JsonObject): JsonObject {
  const { output_text: _text, ...rest } = answer;
  return {
    ...rest,
    status: "in_progress",
    output: [],
    ...("usage" in answer ? { usage: null } : {}),
    ...("completed_at" in answer ? { completed_at: null } : {}),
    ...("incomplete_details" in answer ? { incomplete_details: null } : {}),
  };
}

/** Clients tell items apart by their ids: what has none, or somebody else's, cannot be told. */
function itemEvents(item: JsonObject, output_index: number, seen: Set<string>): readonly Told[] | undefined {
  const { id, type } = item;
  if (typeof id !== "string" || id === "" || seen.has(id)) return undefined;
  seen.add(id);
  const place: JsonObject = { item_id: id, output_index };
  const open = "status" in item ? { status: "in_progress" } : {};
  const around = (begun: JsonObject, between: readonly Told[] | undefined): readonly Told[] | undefined =>
    between && [
      { type: "response.output_item.added", output_index, item: { ...item, ...open, ...begun } },
      ...between,
      { type: "response.output_item.done", output_index, item },
    ];
  switch (type) {
    case "message":
      return around(
        { content: [] },
        each(item["content"], (part, index) => partEvents(part, place, index)),
      );
    case "reasoning":
      return around({ summary: [], ...("content" in item ? { content: [] } : {}) }, reasoningEvents(item, place));
    case "function_call":
      return typeof item["call_id"] === "string"
        ? around({ arguments: "" }, whole(TEXT_KINDS.arguments, item, place))
        : undefined;
    case "custom_tool_call":
      return typeof item["call_id"] === "string" && item["call_id"] !== ""
        ? around({ input: "" }, whole(TEXT_KINDS.input, item, place))
        : undefined;
    default:
      return undefined;
  }
}

function reasoningEvents(item: JsonObject, place: JsonObject): readonly Told[] | undefined {
  const summary = each(item["summary"], (part, summary_index) => {
    if (part["type"] !== "summary_text") return undefined;
    const here = { ...place, summary_index };
    const pieces = whole(TEXT_KINDS.summary, part, here);
    return (
      pieces && [
        { type: "response.reasoning_summary_part.added", ...here, part: { ...part, text: "" } },
        ...pieces,
        { type: "response.reasoning_summary_part.done", ...here, part },
      ]
    );
  });
  const { content } = item;
  const thoughts =
    content === undefined || content === null ? [] : each(content, (part, index) => partEvents(part, place, index));
  return summary && thoughts && [...summary, ...thoughts];
}

function partEvents(part: JsonObject, place: JsonObject, content_index: number): readonly Told[] | undefined {
  const here = { ...place, content_index };
  const around = (begun: JsonObject, between: readonly Told[] | undefined): readonly Told[] | undefined =>
    between && [
      { type: "response.content_part.added", ...here, part: { ...part, ...begun } },
      ...between,
      { type: "response.content_part.done", ...here, part },
    ];
  switch (part["type"]) {
    case "output_text": {
      const logprobs = part["logprobs"] ?? [];
      const { annotations } = part;
      if (!Array.isArray(annotations) || !Array.isArray(logprobs)) return undefined;
      const [piece, end] = whole(TEXT_KINDS.text, part, here) ?? [];
      if (piece === undefined || end === undefined) return undefined;
      const notes = (annotations as readonly Json[]).map((annotation, annotation_index) => ({
        type: "response.output_text.annotation.added",
        ...here,
        annotation_index,
        annotation,
      }));
      return around({ text: "", annotations: [], ...("logprobs" in part ? { logprobs: [] } : {}) }, [
        { ...piece, logprobs },
        ...notes,
        { ...end, logprobs },
      ]);
    }
    case "refusal":
      return around({ refusal: "" }, whole(TEXT_KINDS.refusal, part, here));
    case "reasoning_text":
      return around({ text: "" }, whole(TEXT_KINDS.reasoning, part, here));
    default:
      return undefined;
  }
}

/** A text in one piece, and its end; `undefined` if it is none. */
function whole({ stem, member }: TextKind, holder: JsonObject, place: JsonObject): readonly [Told, Told] | undefined {
  const text = holder[member];
  if (typeof text !== "string") return undefined;
  return [
    { type: `${stem}.delta`, ...place, delta: text },
    { type: `${stem}.done`, ...place, [member]: text },
  ];
}

function each(
  list: Json | undefined,
  tell: (part: JsonObject, index: number) => readonly Told[] | undefined,
): readonly Told[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const told: Told[] = [];
  for (const [index, part] of (list as readonly Json[]).entries()) {
    const events = isJsonObject(part) ? tell(part, index) : undefined;
    if (events === undefined) return undefined;
    told.push(...events);
  }
  return told;
}
