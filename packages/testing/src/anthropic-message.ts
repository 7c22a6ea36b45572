import { cut, isList } from "./pieces.ts";
import { modelOf } from "./request-model.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ToolCallScript } from "./script.ts";
import { lastUserText } from "./last-user-text.ts";
import { tokensInJson } from "./token-count.ts";

/** The members of a Messages request that shape its answer. */
export interface MessagesRequest {
  readonly model?: unknown;
  readonly messages?: unknown;
  readonly stream?: unknown;
  readonly [field: string]: unknown;
}

/** A message with everything decided. */
export type Message = Readonly<Record<string, unknown>> & { readonly content: readonly Block[] };
export type Block = Readonly<Record<string, unknown>> & { readonly type: string };

/** Fills in what the script leaves open, from the request and its number. */
export function messageAnswer(request: RecordedRequest, body: MessagesRequest, script: ChatScript): Message {
  const id = script.id ?? `msg_${String(request.number).padStart(6, "0")}`;
  const content = script.message?.content ?? blocksOf(request, id, body, script);
  const stopReason =
    script.finishReason ??
    (script.refusal !== undefined ? "refusal" : script.toolCalls === undefined ? "end_turn" : "tool_use");
  return {
    id,
    type: "message",
    role: "assistant",
    model: script.model ?? modelOf(request, body.model),
    content,
    stop_reason: stopReason,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    ...(script.usage !== false && { usage: usageOf(body, content, script) }),
    ...script.message?.members,
  };
}

function blocksOf(request: RecordedRequest, id: string, body: MessagesRequest, script: ChatScript): Block[] {
  const silent = script.toolCalls !== undefined || script.refusal !== undefined;
  const pieces = script.stream?.pieces;
  const given = script.content === undefined && isList(pieces) ? pieces.join("") : script.content;
  const text =
    given === undefined ? (silent ? null : `answer ${request.number} to: ${lastUserText(body.messages)}`) : given;
  const said = [text, script.refusal].filter((each) => typeof each === "string");
  return [
    ...(script.reasoning === undefined
      ? []
      : [
          { type: "thinking", thinking: script.reasoning, signature: Buffer.from(script.reasoning).toString("base64") },
        ]),
    ...said.map((each) => ({ type: "text", text: each, citations: script.annotations ?? null })),
    ...(script.toolCalls ?? []).map((call, position) => callBlock(call, id, position)),
  ];
}

function callBlock(call: ToolCallScript, id: string, position: number): Block {
  const text = "input" in call ? call.input : call.arguments;
  return {
    type: "tool_use",
    id: call.id ?? id.replace(/^msg_/, "toolu_") + `_${position}`,
    name: call.name,
    // What is no JSON can be told in a stream only; in one piece it is what was understood of it: nothing.
    input: parsed(text) ?? {},
    caller: { type: "direct" },
  };
}

/** The text of each call's input, which a stream tells as it was written. */
export function inputsOf(script: ChatScript): readonly string[] {
  return (script.toolCalls ?? []).map((call) => ("input" in call ? call.input : call.arguments));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function usageOf(body: MessagesRequest, content: readonly Block[], script: ChatScript): object {
  const { prompt_tokens: input, completion_tokens: output, total_tokens: _total, ...others } = script.usage || {};
  return {
    input_tokens: input ?? tokensInJson(body.messages),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: output ?? tokensInJson(content),
    service_tier: "standard",
    inference_geo: null,
    server_tool_use: null,
    ...others,
  };
}

/** How a text is told in a stream. */
export function textPieces(text: string, script: ChatScript): readonly string[] {
  const pieces = script.stream?.pieces;
  return cut(text, isList(pieces) && pieces.join("") !== text ? undefined : pieces);
}
