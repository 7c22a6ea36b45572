import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import type { WireFormat } from "@llmcache/fetch";
import { assembleChat } from "./chat-assembly.ts";
import { chatEvents } from "./chat-events.ts";
import { CHAT_FIELDS } from "./chat-fields.ts";
import { judgeChat, wantedChoices } from "./chat-gate.ts";
import { ChunkedCall, type ChunkedEndpoint } from "./chunked-call.ts";
import { goesTo } from "./endpoint.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf, type Asked } from "./identity.ts";
import { isObject } from "./json-shape.ts";
import { unlessOtherModel } from "./other-model.ts";
import { storeAnywaySet } from "./store-anyway.ts";

const ENDPOINT = "/chat/completions";
const OPERATION = "chat.completions";
const APART: ReadonlySet<string> = new Set(["model", "messages"]);

/** The wire format of OpenAI's chat completions, and of all who speak it. */
export function openAIChat(options: OpenAIFormatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(options.storeAnyway);
  const read = requestReader({ endpoint: ENDPOINT, fields: CHAT_FIELDS, conversation: "messages" }, options);
  return {
    name: "openai.chat",
    knows: (request) => goesTo(request, ENDPOINT),
    read(request, bytes) {
      const asked = read(request, bytes);
      if (asked === undefined || (searchesTheWeb(asked.body) && !storeAnyway.has("hosted-tool"))) return undefined;
      const identity = identify(asked);
      if (identity === undefined) return undefined;
      const endpoint: ChunkedEndpoint = {
        judge: (answer, body) => unlessOtherModel(judgeChat(answer, body, storeAnyway), answer, asked.expected),
        wantedChoices,
        assemble: assembleChat,
        toEvents: chatEvents,
      };
      return new ChunkedCall(endpoint, identity, asked.body);
    },
  };
}

/** Such an answer is of its hour, and no list of its tools says so. */
function searchesTheWeb(body: JsonObject): boolean {
  return body["web_search_options"] !== undefined && body["web_search_options"] !== null;
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify(asked: Asked): CacheRequest | undefined {
  const { messages } = asked.counted;
  // A text in the place of a message must not be taken for the text of one.
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isObject)) return undefined;
  const turns = messages as readonly JsonObject[];
  const context = turns.slice(0, -1);
  return {
    operation: OPERATION,
    ...asked.who,
    settings: settingsOf(asked, APART),
    ...(context.length === 0 ? {} : { context }),
    prompt: promptOf(turns.at(-1) as JsonObject),
    shape: shapeOf(asked.body, turns),
  };
}

/** The text of a plain user message; any other message as it is. One part of text is the same as the text. */
function promptOf(message: JsonObject): Json {
  if (message["role"] !== "user" || Object.keys(message).length !== 2) return message;
  const { content } = message;
  if (typeof content === "string") return content;
  const part = Array.isArray(content) && content.length === 1 ? (content[0] as Json) : undefined;
  if (!isObject(part) || part["type"] !== "text" || Object.keys(part).length !== 2) return message;
  return typeof part["text"] === "string" ? part["text"] : message;
}

function shapeOf(body: JsonObject, messages: readonly JsonObject[]): CacheRequest["shape"] {
  const spoken = messages.filter(({ role }) => role !== "system" && role !== "developer");
  const attachments = messages.some(
    ({ content }) =>
      Array.isArray(content) && (content as readonly Json[]).some((part) => !isObject(part) || part["type"] !== "text"),
  );
  const { temperature } = body;
  return {
    turns: spoken.length,
    tools: body["tools"] !== undefined || body["functions"] !== undefined,
    attachments,
    ...(typeof temperature === "number" ? { temperature } : {}),
  };
}
