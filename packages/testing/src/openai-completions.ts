import { openaiError } from "./openai-errors.ts";
import { EVENT_STREAM_TYPE, openaiHeaders } from "./openai-headers.ts";
import { cut } from "./pieces.ts";
import { modelOf } from "./request-model.ts";
import { chop, encodeEvents } from "./sse.ts";
import type { RecordedRequest } from "./recorded-request.ts";
import type { ChatScript, ChoiceScript, StreamScript } from "./script.ts";
import { jsonAnswer, type WireAnswer } from "./wire-answer.ts";
import { tokensIn, tokensInJson } from "./token-count.ts";

const FIRST_CREATED = 1_700_000_000;

/** The members of a request for completions that shape its answer. */
interface CompletionsRequest {
  readonly model?: unknown;
  readonly prompt?: unknown;
  readonly n?: unknown;
  readonly echo?: unknown;
  readonly logprobs?: unknown;
  readonly stream?: unknown;
  readonly stream_options?: { readonly include_usage?: unknown } | null;
}

/** One choice in the pieces in which a stream sends it. */
interface Choice {
  readonly index: number;
  readonly pieces: readonly string[];
  readonly finishReason: string;
  readonly withLogprobs: boolean;
}

/** The answer to `POST /completions`. */
export function completionsAnswer(request: RecordedRequest, script: ChatScript): WireAnswer {
  const body = request.json() as CompletionsRequest;
  const choices = choicesOf(request, body, script);
  const head = {
    id: script.id ?? `cmpl-${String(request.number).padStart(6, "0")}`,
    object: "text_completion",
    created: script.created ?? FIRST_CREATED + request.number,
    model: script.model ?? modelOf(request, body.model),
    system_fingerprint: script.systemFingerprint ?? "fp_model_server",
  };
  const usage = script.usage === false ? undefined : usageOf(body, choices);
  if (body.stream === true) return streamAnswer(request, script, chunksOf(head, choices, body, usage));
  const whole = {
    ...head,
    choices: choices.map((choice) => choicePiece(choice, choice.pieces, 0, choice.finishReason)),
    ...(usage && { usage }),
  };
  return jsonAnswer(request, 200, whole, script.headers);
}

function streamAnswer(request: RecordedRequest, script: ChatScript, chunks: readonly object[]): WireAnswer {
  const stream: StreamScript = script.stream ?? {};
  const payloads = chunks.slice(0, stream.errorAfter).map((chunk) => JSON.stringify(chunk));
  if (stream.errorAfter !== undefined) payloads.push(JSON.stringify({ error: openaiError({ status: 500 }) }));
  else if (stream.done !== false) payloads.push("[DONE]");
  return {
    status: 200,
    headers: openaiHeaders(EVENT_STREAM_TYPE, request.number, script.headers),
    chunks: encodeEvents(payloads, stream).map((event) => chop(event, stream.split)),
    pacing: stream,
  };
}

function choicesOf(request: RecordedRequest, body: CompletionsRequest, script: ChatScript): Choice[] {
  const prompts = promptsOf(body.prompt);
  const n = typeof body.n === "number" ? body.n : 1;
  const scripts: readonly ChoiceScript[] = script.choices ?? Array.from({ length: prompts.length * n }, () => script);
  return scripts.map((choice, index) => {
    const prompt = prompts[Math.floor(index / n)] ?? "";
    const said =
      choice.content ?? ` answer ${request.number} to: ${prompt}${index % n === 0 ? "" : ` [choice ${index}]`}`;
    return {
      index,
      pieces: [...(body.echo === true ? [prompt] : []), ...cut(said)],
      finishReason: choice.finishReason ?? "stop",
      withLogprobs: choice.logprobs ?? typeof body.logprobs === "number",
    };
  });
}

/** Choices take turns; the usage comes last. */
function chunksOf(
  head: object,
  choices: readonly Choice[],
  body: CompletionsRequest,
  usage: object | undefined,
): object[] {
  const wantsUsage = body.stream_options?.include_usage === true && usage !== undefined;
  const told = wantsUsage ? { usage: null } : {};
  const longest = Math.max(...choices.map(({ pieces }) => pieces.length));
  const chunks: object[] = [];
  for (let position = 0; position < longest; position++) {
    for (const choice of choices) {
      const piece = choice.pieces[position];
      if (piece !== undefined)
        chunks.push({ ...head, choices: [choicePiece(choice, [piece], position, null)], ...told });
    }
  }
  for (const choice of choices)
    chunks.push({ ...head, choices: [choicePiece(choice, [], 0, choice.finishReason)], ...told });
  return wantsUsage ? [...chunks, { ...head, choices: [], usage }] : chunks;
}

function choicePiece(choice: Choice, pieces: readonly string[], position: number, finishReason: string | null): object {
  const offset = choice.pieces.slice(0, position).join("").length;
  const offsets = pieces.map((_, index) => offset + pieces.slice(0, index).join("").length);
  const logprobs =
    choice.withLogprobs && pieces.length > 0
      ? {
          tokens: pieces,
          token_logprobs: pieces.map((_, index) => -((position + index) % 10) / 100),
          top_logprobs: pieces.map((piece) => ({ [piece]: -0.5 })),
          text_offset: offsets,
        }
      : null;
  return { text: pieces.join(""), index: choice.index, logprobs, finish_reason: finishReason };
}

/** Texts, or tokens as text: a list of numbers is one prompt. */
function promptsOf(prompt: unknown): string[] {
  if (!Array.isArray(prompt)) return [String(prompt)];
  if (typeof prompt[0] === "number") return [prompt.join(" ")];
  return prompt.map((each: unknown) => (Array.isArray(each) ? each.join(" ") : String(each)));
}

function usageOf(body: CompletionsRequest, choices: readonly Choice[]): object {
  const input = tokensInJson(body.prompt);
  const output = tokensIn(choices.map(({ pieces }) => pieces.join("")).join(""));
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}
