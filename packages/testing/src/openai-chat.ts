import { cut } from "./pieces.ts";
import type { ChatAnswer, ChatRequest, Choice } from "./chat-answer.ts";
import type { ToolCallScript, UsageScript } from "./script.ts";

interface TokenLogprob {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly logprob: number;
}

/** The answer to a request without `stream`. */
export function chatCompletion(answer: ChatAnswer): object {
  return {
    id: answer.id,
    object: "chat.completion",
    created: answer.created,
    model: answer.model,
    choices: answer.choices.map((choice) => ({
      index: choice.index,
      message: {
        role: "assistant",
        content: choice.content,
        ...(choice.reasoning !== undefined && { reasoning_content: choice.reasoning }),
        refusal: choice.refusal,
        ...(choice.toolCalls.length > 0 && { tool_calls: choice.toolCalls.map(toolCall) }),
        annotations: choice.annotations,
      },
      logprobs: logprobs(choice, choice.contentPieces, refusalPieces(choice), 0),
      finish_reason: choice.finishReason,
    })),
    ...(answer.usage && { usage: answer.usage }),
    service_tier: answer.serviceTier,
    system_fingerprint: answer.systemFingerprint,
  };
}

/** The same answer as the chunks of a stream. Choices take turns. */
export function chatCompletionChunks(answer: ChatAnswer, body: ChatRequest, obfuscation: boolean): object[] {
  const includeUsage = body.stream_options?.include_usage === true && answer.usage !== undefined;
  const padded = obfuscation && body.stream_options?.include_obfuscation !== false;
  const chunk = (choices: readonly object[], position: number, usage: UsageScript | null): object => ({
    id: answer.id,
    object: "chat.completion.chunk",
    created: answer.created,
    model: answer.model,
    service_tier: answer.serviceTier,
    system_fingerprint: answer.systemFingerprint,
    choices,
    ...(includeUsage && { usage }),
    ...(padded && { obfuscation: padding(position) }),
  });

  const chunks = takeTurns(answer.choices.map(choiceChunks)).map((choice, position) => chunk([choice], position, null));
  if (includeUsage) chunks.push(chunk([], chunks.length, answer.usage ?? null));
  return chunks;
}

/** Everything one choice sends, in the order in which OpenAI sends it. */
function* choiceChunks(choice: Choice): Generator<object> {
  const chunk = (delta: object, probabilities: object | null = null, finishReason: string | null = null): object => ({
    index: choice.index,
    delta,
    logprobs: probabilities,
    finish_reason: finishReason,
  });

  const refusing = choice.content === null && choice.refusal !== null;
  yield chunk({
    role: "assistant",
    content: choice.content === null ? null : "",
    refusal: refusing ? "" : null,
  });
  for (const piece of cut(choice.reasoning ?? "")) yield chunk({ reasoning_content: piece });
  for (const [position, piece] of choice.contentPieces.entries()) {
    yield chunk({ content: piece }, logprobs(choice, [piece], [], position));
  }
  for (const [position, piece] of refusalPieces(choice).entries()) {
    yield chunk({ refusal: piece }, logprobs(choice, [], [piece], position));
  }
  for (const [index, call] of choice.toolCalls.entries()) {
    yield chunk({ tool_calls: [{ index, ...toolCall(emptied(call)) }] });
    for (const piece of cut("input" in call ? call.input : call.arguments)) {
      yield chunk({
        tool_calls: [
          {
            index,
            ...("input" in call ? { custom: { input: piece } } : { function: { arguments: piece } }),
          },
        ],
      });
    }
  }
  if (choice.annotations.length > 0) yield chunk({ annotations: choice.annotations });
  yield chunk({}, null, choice.finishReason);
}

function toolCall(call: ToolCallScript): object {
  return "input" in call
    ? { id: call.id, type: "custom", custom: { name: call.name, input: call.input } }
    : { id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } };
}

function emptied(call: ToolCallScript): ToolCallScript {
  return "input" in call ? { ...call, input: "" } : { ...call, arguments: "" };
}

function refusalPieces(choice: Choice): string[] {
  return cut(choice.refusal ?? "");
}

function logprobs(
  choice: Choice,
  content: readonly string[],
  refusal: readonly string[],
  position: number,
): { content: object[] | null; refusal: object[] | null } | null {
  const alternatives = choice.topLogprobs;
  if (alternatives === undefined || content.length + refusal.length === 0) return null;
  const list = (pieces: readonly string[]): object[] | null =>
    pieces.length === 0 ? null : pieces.map((piece, offset) => tokenLogprob(piece, position + offset, alternatives));
  return { content: list(content), refusal: list(refusal) };
}

function tokenLogprob(text: string, position: number, alternatives: number): object {
  const likeliest = -((position % 10) + 1) / 100;
  const logprobOf = (token: string, logprob: number): TokenLogprob => ({
    token,
    bytes: [...Buffer.from(token)],
    logprob,
  });
  const top = Array.from({ length: alternatives }, (_, rank) =>
    rank === 0 ? logprobOf(text, likeliest) : logprobOf(`${text}~${rank}`, likeliest - rank),
  );
  return { ...logprobOf(text, likeliest), top_logprobs: top };
}

/** First chunk of each, second chunk of each …, until all have ended. */
function takeTurns<T>(sequences: readonly Iterator<T>[]): T[] {
  const taken: T[] = [];
  let open = sequences;
  while (open.length > 0) {
    open = open.filter((sequence) => {
      const next = sequence.next();
      if (next.done !== true) taken.push(next.value);
      return next.done !== true;
    });
  }
  return taken;
}

function padding(position: number): string {
  const alphabet = "aB3cD7eF9gH1";
  return Array.from(
    { length: 4 + (position % 9) },
    (_, offset) => alphabet[(position * 5 + offset * 7) % alphabet.length],
  ).join("");
}
