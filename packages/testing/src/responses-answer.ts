import { cut, isList } from "./pieces.ts";
import { modelOf } from "./request-model.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ToolCallScript } from "./script.ts";
import { lastUserText } from "./last-user-text.ts";
import { tokensIn } from "./token-count.ts";

const FIRST_CREATED = 1_700_000_000;

/** The members of a Responses request that shape its answer. */
export interface ResponsesRequest {
  readonly model?: unknown;
  readonly input?: unknown;
  readonly include?: unknown;
  readonly top_logprobs?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: { readonly include_obfuscation?: unknown } | null;
  readonly [field: string]: unknown;
}

/** A Response with everything decided. */
export type Response = Readonly<Record<string, unknown>> & { readonly output: readonly Item[] };
export type Item = Readonly<Record<string, unknown>> & { readonly type: string };

/** What a Response repeats of its request, and what it says where the request says nothing. */
const ECHOED: Readonly<Record<string, unknown>> = {
  instructions: null,
  max_output_tokens: null,
  max_tool_calls: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  prompt_cache_key: null,
  reasoning: { effort: null, summary: null },
  safety_identifier: null,
  service_tier: "default",
  store: true,
  temperature: 1,
  text: { format: { type: "text" }, verbosity: "medium" },
  tool_choice: "auto",
  tools: [],
  top_logprobs: 0,
  top_p: 1,
  truncation: "disabled",
  user: null,
};

/** Fills in what the script leaves open, from the request and its number. */
export function responseAnswer(request: RecordedRequest, body: ResponsesRequest, script: ChatScript): Response {
  const created = script.created ?? FIRST_CREATED + request.number;
  const id = script.id ?? `resp_${String(request.number).padStart(6, "0")}`;
  const output = script.response?.output ?? itemsOf(request, id.replace(/^resp_/, ""), body, script);
  const reason =
    script.finishReason === "length"
      ? "max_output_tokens"
      : script.finishReason === "content_filter"
        ? "content_filter"
        : undefined;
  const echoed = Object.fromEntries(Object.entries(ECHOED).map(([name, value]) => [name, body[name] ?? value]));
  return {
    id,
    object: "response",
    created_at: created,
    status: reason === undefined ? "completed" : "incomplete",
    background: false,
    completed_at: reason === undefined ? created + 1 : null,
    error: null,
    incomplete_details: reason === undefined ? null : { reason },
    ...echoed,
    model: script.model ?? modelOf(request, body.model),
    output,
    usage: script.usage === false ? null : usageOf(body, output),
    ...script.response?.members,
  };
}

function itemsOf(request: RecordedRequest, id: string, body: ResponsesRequest, script: ChatScript): Item[] {
  const { number } = request;
  const silent = script.toolCalls !== undefined || script.refusal !== undefined;
  const pieces = script.stream?.pieces;
  const given = script.content === undefined && isList(pieces) ? pieces.join("") : script.content;
  const text = given === undefined ? (silent ? null : `answer ${number} to: ${lastUserText(body.input)}`) : given;
  const status = script.finishReason === "length" ? "incomplete" : "completed";
  const content = [
    ...(text === null ? [] : [textPart(text, body, script)]),
    ...(script.refusal === undefined ? [] : [{ type: "refusal", refusal: script.refusal }]),
  ];
  return [
    ...(script.reasoning === undefined
      ? []
      : [{ id: `rs_${id}`, type: "reasoning", summary: [{ type: "summary_text", text: script.reasoning }] }]),
    ...(content.length === 0 ? [] : [{ id: `msg_${id}`, type: "message", status, role: "assistant", content }]),
    ...(script.toolCalls ?? []).map((call, position) => callItem(call, id, position)),
  ];
}

function textPart(text: string, body: ResponsesRequest, script: ChatScript): object {
  const asked = Array.isArray(body.include) && body.include.includes("message.output_text.logprobs");
  const logprobs = script.logprobs ?? asked;
  return {
    type: "output_text",
    annotations: script.annotations ?? [],
    logprobs: logprobs ? cut(text, script.stream?.pieces).map(logprob) : [],
    text,
  };
}

function logprob(token: string, position: number): object {
  return { token, bytes: [...Buffer.from(token)], logprob: -((position % 10) + 1) / 100, top_logprobs: [] };
}

function callItem(call: ToolCallScript, id: string, position: number): Item {
  const call_id = call.id ?? `call_${id}_${position}`;
  return "input" in call
    ? { id: `ctc_${id}_${position}`, type: "custom_tool_call", call_id, name: call.name, input: call.input }
    : {
        id: `fc_${id}_${position}`,
        type: "function_call",
        status: "completed",
        call_id,
        name: call.name,
        arguments: call.arguments,
      };
}

function usageOf(body: ResponsesRequest, output: readonly Item[]): object {
  const input = tokensIn(JSON.stringify(body.input ?? ""));
  const said = tokensIn(JSON.stringify(output));
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: said,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + said,
  };
}
