import { isDeepStrictEqual } from "node:util";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject, type ServerSentEvent } from "@llmcache/fetch";
import { blockFormOf } from "./block-forms.ts";
import { assembleMessage } from "./messages-assembly.ts";
import { DELTA_MEMBERS, USAGE_MEMBERS } from "./stream-members.ts";

type Told = JsonObject & { readonly type: string };

/** What a message says of its end, and only there. */
const AT_THE_END: ReadonlySet<string> = DELTA_MEMBERS;

/**
 * A message as the stream it might have come as; `undefined` if a stream cannot say all of it. Proven each time: what the events
 * amount to must be the message again.
 */
export function messageEvents(answer: Json): readonly ServerSentEvent[] | undefined {
  if (!isJsonObject(answer) || !Array.isArray(answer["content"]) || typeof answer["stop_reason"] !== "string")
    return undefined;
  // Clients take it for granted that a stream says what was used.
  if (!isJsonObject(answer["usage"])) return undefined;
  const blocks: Told[] = [];
  for (const [index, block] of (answer["content"] as readonly Json[]).entries()) {
    const told = isJsonObject(block) ? blockEvents(block, index) : undefined;
    if (told === undefined) return undefined;
    blocks.push(...told);
  }
  const events = [startOf(answer), ...blocks, endOf(answer), { type: "message_stop" }].map(
    (event): ServerSentEvent => ({ event: event.type, data: JSON.stringify(event) }),
  );
  const back = assembleMessage(events);
  if (!back.agrees || !back.finished || !back.lossless) return undefined;
  return isDeepStrictEqual(back.message, answer) ? events : undefined;
}

/** The message as it was before anything was said. */
function startOf(answer: JsonObject): Told {
  const { usage } = answer;
  const open = Object.fromEntries(
    Object.keys(answer)
      .filter((name) => AT_THE_END.has(name))
      .map((name) => [name, null]),
  );
  const message = {
    ...answer,
    content: [],
    ...open,
    ...(isJsonObject(usage) && typeof usage["output_tokens"] === "number"
      ? { usage: { ...usage, output_tokens: 0 } }
      : {}),
  };
  return { type: "message_start", message };
}

function endOf(answer: JsonObject): Told {
  const { usage } = answer;
  return {
    type: "message_delta",
    delta: only(answer, AT_THE_END),
    ...(isJsonObject(usage) ? { usage: only(usage, USAGE_MEMBERS) } : {}),
  };
}

function only(value: JsonObject, names: ReadonlySet<string>): JsonObject {
  return Object.fromEntries<Json | undefined>(Object.entries(value).filter(([name]) => names.has(name)));
}

function blockEvents(block: JsonObject, index: number): readonly Told[] | undefined {
  const around = (begun: JsonObject, deltas: readonly Told[]): readonly Told[] => [
    { type: "content_block_start", index, content_block: { ...block, ...begun } },
    ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
    { type: "content_block_stop", index },
  ];
  switch (blockFormOf(block)) {
    case "text": {
      const { text, citations } = block;
      if (typeof text !== "string") return undefined;
      const cited = Array.isArray(citations) ? (citations as readonly Json[]) : [];
      return around({ text: "", ...(Array.isArray(citations) ? { citations: [] } : {}) }, [
        ...cited.map((citation) => ({ type: "citations_delta", citation })),
        { type: "text_delta", text },
      ]);
    }
    case "thinking": {
      const { thinking, signature } = block;
      if (typeof thinking !== "string") return undefined;
      const isSigned = typeof signature === "string" && signature !== "";
      return around({ thinking: "", ...(isSigned ? { signature: "" } : {}) }, [
        ...(thinking === "" ? [] : [{ type: "thinking_delta", thinking }]),
        ...(isSigned ? [{ type: "signature_delta", signature }] : []),
      ]);
    }
    case "call": {
      const { input } = block;
      if (!isJsonObject(input)) return undefined;
      const partial_json = Object.keys(input).length === 0 ? "" : JSON.stringify(input);
      return around({ input: {} }, [{ type: "input_json_delta", partial_json }]);
    }
    case "whole":
      return around({}, []);
    default:
      return undefined;
  }
}
