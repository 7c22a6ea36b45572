import { isUtf8 } from "node:buffer";
import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent, WireCall, WireFormat } from "@llmcache/fetch";
import { assembleChat, type ChatAssembly } from "./chat-assembly.ts";
import { chatEvents, hideUsage } from "./chat-events.ts";
import { IGNORED_FIELDS } from "./chat-fields.ts";
import { judgeChat, storeAnywaySet, wantedChoices, type StoreAnyway } from "./chat-gate.ts";
import { deploymentOf, goesTo, providerOf } from "./endpoint.ts";
import { inexactIntegers } from "./exact-numbers.ts";
import { isObject } from "./json-shape.ts";

/** Options of {@link openAIChat}. */
export interface OpenAIChatOptions {
  /**
   * Names who answers, in the place of the base URL: one alias for providers that serve the same models makes them share
   * entries. A deployment in an Azure path counts all the same: it is the model. @default the base URL and its query,
   * without credentials
   */
  readonly provider?: string | undefined;
  /** Further request headers that can change the answer, such as those that tell a proxy which model to ask. @default none */
  readonly countedHeaders?: readonly string[] | undefined;
  /** Kinds of answers to store although they are not by default. @default none */
  readonly storeAnyway?: readonly StoreAnyway[] | undefined;
}

const ENDPOINT = "/chat/completions";
const OPERATION = "chat.completions";

/**
 * Headers that can change the answer; all others are ignored. `azureml-model-deployment` chooses a deployment, `extra-parameters`
 * says what Azure does with fields it does not know.
 */
export const COUNTED_HEADERS: readonly string[] = ["openai-beta", "azureml-model-deployment", "extra-parameters"];

/** The wire format of OpenAI's chat completions, and of all who speak it. */
export function openAIChat(options: OpenAIChatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(options.storeAnyway);
  const counted = [...COUNTED_HEADERS, ...(options.countedHeaders ?? []).map((name) => name.toLowerCase())];
  return {
    name: "openai.chat",
    knows: (request) => goesTo(request, ENDPOINT),
    read(request, bytes) {
      // What is not UTF-8 would be made equal by decoding.
      if (!isUtf8(bytes)) return undefined;
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
      const body: unknown = JSON.parse(text);
      const base = providerOf(request, ENDPOINT);
      if (!isObject(body) || base === undefined) return undefined;
      const settings = settingsOf(body, text, request.headers, counted);
      const asked = identify(body, options.provider ?? base, deploymentOf(request, ENDPOINT), settings);
      return asked === undefined ? undefined : new ChatCall(asked, body, storeAnyway);
    },
  };
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify(
  body: JsonObject,
  provider: string,
  deployment: string | undefined,
  settings: Record<string, Json | undefined>,
): CacheRequest | undefined {
  const { model, messages } = body;
  // A text in the place of a message must not be taken for the text of one.
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isObject)) return undefined;
  const named = deployment ?? model;
  if (typeof named !== "string") return undefined;
  // Beside a deployment the body's model should say nothing; it counts, to be sure.
  if (deployment !== undefined && model !== undefined && model !== deployment) settings["model"] = model;
  const turns = messages as readonly Json[];
  const context = turns.slice(0, -1);
  return {
    operation: OPERATION,
    provider,
    model: named,
    settings,
    ...(context.length === 0 ? {} : { context }),
    prompt: promptOf(turns.at(-1) as Json),
    shape: shapeOf(body, turns),
  };
}

function settingsOf(
  body: JsonObject,
  text: string,
  headers: Headers,
  counted: readonly string[],
): Record<string, Json | undefined> {
  const settings: Record<string, Json | undefined> = { body: countedFields(body), integers: inexactIntegers(text) };
  for (const name of counted) {
    const value = headers.get(name);
    if (value !== null) settings[`header ${name}`] = value;
  }
  return settings;
}

function countedFields(body: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(body).filter(([name]) => !IGNORED_FIELDS.has(name) && name !== "model" && name !== "messages"),
  );
}

/** The text of a plain user message; any other message as it is. One part of text is the same as the text. */
function promptOf(message: Json): Json {
  if (!isObject(message) || message["role"] !== "user" || Object.keys(message).length !== 2) return message;
  const { content } = message;
  if (typeof content === "string") return content;
  const part = Array.isArray(content) && content.length === 1 ? (content[0] as Json) : undefined;
  if (!isObject(part) || part["type"] !== "text" || Object.keys(part).length !== 2) return message;
  return typeof part["text"] === "string" ? part["text"] : message;
}

function shapeOf(body: JsonObject, messages: readonly Json[]): CacheRequest["shape"] {
  const spoken = messages.filter(
    (message) => isObject(message) && message["role"] !== "system" && message["role"] !== "developer",
  );
  const attachments = messages.some(
    (message) =>
      isObject(message) &&
      Array.isArray(message["content"]) &&
      (message["content"] as readonly Json[]).some((part) => !isObject(part) || part["type"] !== "text"),
  );
  const { temperature } = body;
  return {
    turns: spoken.length,
    tools: body["tools"] !== undefined || body["functions"] !== undefined,
    attachments,
    ...(typeof temperature === "number" ? { temperature } : {}),
  };
}

class ChatCall implements WireCall {
  readonly request: CacheRequest;
  readonly streaming: boolean;
  readonly #body: JsonObject;
  readonly #storeAnyway: ReadonlySet<StoreAnyway>;
  readonly #wantsUsage: boolean;
  #assembled:
    | { readonly events: readonly ServerSentEvent[]; readonly count: number; readonly assembly: ChatAssembly }
    | undefined;

  constructor(request: CacheRequest, body: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>) {
    this.request = request;
    this.streaming = body["stream"] === true;
    this.#body = body;
    this.#storeAnyway = storeAnyway;
    const { stream_options: streamOptions } = body;
    this.#wantsUsage = isObject(streamOptions) && streamOptions["include_usage"] === true;
  }

  get variant(): string {
    return this.#wantsUsage ? "usage" : "";
  }

  judge(answer: Json): ReturnType<WireCall["judge"]> {
    return judgeChat(answer, this.#body, this.#storeAnyway);
  }

  judgeEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["judgeEvents"]> {
    const { answer, failed, finished, done, usage } = this.#assemble(events);
    if (failed) return "fail";
    if (answer === undefined || !finished) return "pass";
    // Without the closing mark, the end must be plain from what came: every choice, and the usage if it was asked for.
    const all =
      (answer["choices"] as readonly Json[]).length >= wantedChoices(this.#body) && (usage || !this.#wantsUsage);
    return done || all ? this.judge(answer) : "pass";
  }

  note(answer: Json): ReturnType<WireCall["note"]> {
    if (!isObject(answer)) return {};
    const { model, usage } = answer;
    return {
      ...(typeof model === "string" ? { model } : {}),
      ...(isObject(usage)
        ? { tokens: { input: count(usage["prompt_tokens"]), output: count(usage["completion_tokens"]) } }
        : {}),
    };
  }

  noteEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["note"]> {
    const { answer } = this.#assemble(events);
    return answer === undefined ? {} : this.note(answer);
  }

  endsStream(event: ServerSentEvent): boolean {
    return event.data.trim() === "[DONE]";
  }

  /** Without its usage a stream lacks something that every JSON answer has. */
  toAnswer(events: readonly ServerSentEvent[]): Json | undefined {
    const { answer, lossless, failed, finished, usage } = assembleChat(events);
    return lossless && finished && !failed && usage ? answer : undefined;
  }

  toEvents(answer: Json): readonly ServerSentEvent[] | undefined {
    return chatEvents(answer, this.#wantsUsage);
  }

  adapt(events: readonly ServerSentEvent[]): ReturnType<WireCall["adapt"]> {
    const { usage } = assembleChat(events);
    if (this.#wantsUsage) return usage ? "same" : undefined;
    return usage ? hideUsage(events) : "same";
  }

  /** A stream is put together once, though it is both judged and accounted for. */
  #assemble(events: readonly ServerSentEvent[]): ChatAssembly {
    const known = this.#assembled;
    if (known?.events === events && known.count === events.length) return known.assembly;
    const assembly = assembleChat(events);
    this.#assembled = { events, count: events.length, assembly };
    return assembly;
  }
}

function count(value: Json | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
