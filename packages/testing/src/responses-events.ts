import { cut } from "./pieces.ts";
import type { Item, Response } from "./responses-answer.ts";
import type { StreamScript } from "./script.ts";

/** One event of a Responses stream. */
export type ResponseEvent = Readonly<Record<string, unknown>> & { readonly type: string };

type Part = Readonly<Record<string, unknown>> & { readonly type: string };

/** A Response as the events of a stream, in the order in which OpenAI sends them. */
export function responseEvents(
  response: Response,
  pieces: StreamScript["pieces"],
  obfuscation: boolean,
): ResponseEvent[] {
  const begun = {
    ...response,
    status: "in_progress",
    completed_at: null,
    incomplete_details: null,
    error: null,
    output: [],
    usage: null,
  };
  const events: ResponseEvent[] = [
    { type: "response.created", response: begun },
    { type: "response.in_progress", response: begun },
    ...response.output.flatMap((item, index) => [...itemEvents(item, index, pieces)]),
    { type: `response.${String(response["status"])}`, response },
  ];
  return events.map((event, number) => ({
    ...event,
    sequence_number: number,
    ...(obfuscation && event.type.endsWith(".delta") && { obfuscation: "aB3cD7eF9gH1".slice(number % 9) }),
  }));
}

function* itemEvents(item: Item, output_index: number, pieces: StreamScript["pieces"]): Generator<ResponseEvent> {
  const place = { item_id: item["id"], output_index };
  yield { type: "response.output_item.added", output_index, item: begunItem(item) };
  if (item.type === "message") {
    for (const [index, part] of partsOf(item["content"]).entries())
      yield* contentEvents(part, { ...place, content_index: index }, pieces);
  }
  if (item.type === "reasoning") {
    for (const [index, part] of partsOf(item["summary"]).entries()) {
      const here = { ...place, summary_index: index };
      yield { type: "response.reasoning_summary_part.added", ...here, part: { ...part, text: "" } };
      yield* textEvents("response.reasoning_summary_text", "text", part["text"], here);
      yield { type: "response.reasoning_summary_part.done", ...here, part };
    }
    for (const [index, part] of partsOf(item["content"]).entries())
      yield* contentEvents(part, { ...place, content_index: index }, pieces);
  }
  if (item.type === "function_call")
    yield* textEvents("response.function_call_arguments", "arguments", item["arguments"], place);
  if (item.type === "custom_tool_call")
    yield* textEvents("response.custom_tool_call_input", "input", item["input"], place);
  yield { type: "response.output_item.done", output_index, item };
}

/** An item as it is announced. */
function begunItem(item: Item): object {
  const open = "status" in item ? { status: "in_progress" } : {};
  switch (item.type) {
    case "message":
      return { ...item, ...open, content: [] };
    case "reasoning":
      return { ...item, ...open, summary: [], ...("content" in item && { content: [] }) };
    case "function_call":
      return { ...item, ...open, arguments: "" };
    case "custom_tool_call":
      return { ...item, ...open, input: "" };
    default:
      return { ...item, ...open };
  }
}

function* contentEvents(part: Part, place: object, pieces: StreamScript["pieces"]): Generator<ResponseEvent> {
  switch (part.type) {
    case "output_text": {
      const logprobs: readonly unknown[] = Array.isArray(part["logprobs"]) ? part["logprobs"] : [];
      const annotations: readonly unknown[] = Array.isArray(part["annotations"]) ? part["annotations"] : [];
      yield {
        type: "response.content_part.added",
        ...place,
        part: { ...part, text: "", annotations: [], logprobs: [] },
      };
      const texts = cut(String(part["text"]), pieces);
      for (const [index, delta] of texts.entries())
        yield { type: "response.output_text.delta", ...place, delta, logprobs: logprobs.slice(index, index + 1) };
      for (const [annotation_index, annotation] of annotations.entries())
        yield { type: "response.output_text.annotation.added", ...place, annotation_index, annotation };
      yield { type: "response.output_text.done", ...place, text: part["text"], logprobs };
      break;
    }
    case "refusal":
      yield { type: "response.content_part.added", ...place, part: { ...part, refusal: "" } };
      yield* textEvents("response.refusal", "refusal", part["refusal"], place);
      break;
    default:
      yield { type: "response.content_part.added", ...place, part: { ...part, text: "" } };
      yield* textEvents("response.reasoning_text", "text", part["text"], place);
  }
  yield { type: "response.content_part.done", ...place, part };
}

function* textEvents(stem: string, member: string, text: unknown, place: object): Generator<ResponseEvent> {
  for (const delta of cut(String(text))) yield { type: `${stem}.delta`, ...place, delta };
  yield { type: `${stem}.done`, ...place, [member]: text };
}

function partsOf(list: unknown): readonly Part[] {
  return Array.isArray(list) ? (list as readonly Part[]) : [];
}
