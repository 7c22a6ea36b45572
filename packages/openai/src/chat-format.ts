import { storeAnywaySet, type CacheRequest, type Json, type JsonObject } from "@llmcache/core";
import { isJsonObject, type WireFormat } from "@llmcache/fetch";
import { assembleChat } from "./chat-assembly.ts";
import { chatEvents } from "./chat-events.ts";
import { ChoicesCall, maxChoicesOf, wantsChoices } from "./chat-choices.ts";
import { CHAT_FIELDS } from "./chat-fields.ts";
import { judgeChat, wantedChoices } from "./chat-gate.ts";
import { ChunkedCall, usageToo, type ChunkedEndpoint } from "./chunked-call.ts";
import { goesTo } from "./endpoint.ts";
import { GivenBody } from "./given-body.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf, type Asked } from "./identity.ts";
import { unlessOtherModel } from "./other-model.ts";
import { STORE_ANYWAY } from "./store-anyway.ts";

const ENDPOINT = "/chat/completions";
const OPERATION = "chat.completions";
const APART: ReadonlySet<string> = new Set(["model", "messages"]);
/** One choice is what everybody gets who does not say how many; several are one question for each where they are a list. */
const APART_OF_ONE: ReadonlySet<string> = new Set([...APART, "n"]);

/** The wire format of OpenAI's chat completions, and of all who speak it. */
export function openAIChat(options: OpenAIFormatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const maxChoices = maxChoicesOf(options.maxChoices);
  const read = requestReader({ endpoint: ENDPOINT, fields: CHAT_FIELDS, conversation: "messages" }, options);
  const understand = (...request: Parameters<typeof read>): Asked | undefined => {
    const asked = read(...request);
    return asked !== undefined && searchesTheWeb(asked.body) && !storeAnyway.has("hosted-tool") ? undefined : asked;
  };
  const endpointFor = ({ expected }: Asked): ChunkedEndpoint => ({
    judge: (answer, body) => unlessOtherModel(judgeChat(answer, body, storeAnyway), answer, expected),
    wantedChoices,
    assemble: assembleChat,
    toEvents: chatEvents,
  });
  return {
    name: "openai.chat",
    knows: (request) => goesTo(request, ENDPOINT),
    readList(request, bytes) {
      // Nearly nobody asks for several: then the body is read once.
      if (!mayWantChoices(bytes)) return undefined;
      const asked = understand(request, bytes);
      const identity = asked && identify(asked, APART_OF_ONE);
      if (asked === undefined || identity === undefined || !wantsChoices(asked)) return undefined;
      return new ChoicesCall(endpointFor(asked), identity, asked.body, maxChoices);
    },
    read(request, bytes) {
      const asked = understand(request, bytes);
      if (asked === undefined) return undefined;
      const { n = null } = asked.body;
      const identity = identify(asked, n === null || n === 1 ? APART_OF_ONE : APART);
      if (identity === undefined) return undefined;
      const endpoint = endpointFor(asked);
      return new ChunkedCall(
        endpoint,
        identity,
        asked.body,
        options.askForUsage ? usageToo(request, asked) : undefined,
      );
    },
  };
}

/** Is there a member `n`, written as everybody writes it? */
function mayWantChoices(bytes: Uint8Array): boolean {
  if (bytes instanceof GivenBody) return bytes.content.plain["n"] !== undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes('"n"');
}

/** Such an answer is of its hour, and no list of its tools says so. */
function searchesTheWeb(body: JsonObject): boolean {
  return body["web_search_options"] !== undefined && body["web_search_options"] !== null;
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify(asked: Asked, apart: ReadonlySet<string>): CacheRequest | undefined {
  const { messages } = asked.counted;
  // A text in the place of a message must not be taken for the text of one.
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isJsonObject)) return undefined;
  const turns = messages as readonly JsonObject[];
  const context = turns.slice(0, -1);
  return {
    operation: OPERATION,
    ...asked.who,
    settings: settingsOf(asked, apart),
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
  if (!isJsonObject(part) || part["type"] !== "text" || Object.keys(part).length !== 2) return message;
  return typeof part["text"] === "string" ? part["text"] : message;
}

function shapeOf(body: JsonObject, messages: readonly JsonObject[]): CacheRequest["shape"] {
  const spoken = messages.filter(({ role }) => role !== "system" && role !== "developer");
  const attachments = messages.some(
    ({ content }) =>
      Array.isArray(content) &&
      (content as readonly Json[]).some((part) => !isJsonObject(part) || part["type"] !== "text"),
  );
  const { temperature } = body;
  return {
    turns: spoken.length,
    tools: body["tools"] !== undefined || body["functions"] !== undefined,
    attachments,
    ...(typeof temperature === "number" ? { temperature } : {}),
  };
}
