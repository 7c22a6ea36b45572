import { storeAnywaySet, type CacheRequest, type Json, type JsonObject } from "@llmcache/core";
import { AssembledCall, isJsonObject, withoutMembers, type WireFormat } from "@llmcache/fetch";
import type { AnthropicFormatOptions } from "./format-options.ts";
import { usesHostedTools } from "./hosted-tools.ts";
import { asksForMessage, requestReader, type Asked } from "./identity.ts";
import { judgeMessage } from "./messages-gate.ts";
import { MESSAGES } from "./messages-rules.ts";
import { unlessOtherModel } from "./other-model.ts";
import { STORE_ANYWAY, type StoreAnyway } from "./store-anyway.ts";

const OPERATION = "messages";
const APART: ReadonlySet<string> = new Set(["model", "system", "messages"]);

/** The wire format of Anthropic's Messages. */
export function anthropicMessages(options: AnthropicFormatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const read = requestReader(options);
  return {
    name: "anthropic.messages",
    knows: asksForMessage,
    read(request, bytes) {
      const asked = read(request, bytes);
      if (asked === undefined || !isRepeatable(asked.body, storeAnyway)) return undefined;
      const identity = identify(asked);
      return (
        identity &&
        new AssembledCall(MESSAGES, identity, asked.body["stream"] === true, (answer) =>
          unlessOtherModel(judgeMessage(answer, asked.body, storeAnyway), answer, asked.expected),
        )
      );
    },
  };
}

/** Does the answer depend on the request alone, and is an answer all that is wanted of it? */
function isRepeatable(body: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): boolean {
  const { thread } = body;
  // Each answer of a thread is continued once.
  if (thread !== undefined && thread !== null) return false;
  return storeAnyway.has("hosted-tool") || !usesHostedTools(body);
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify({ counted, who, around, body }: Asked): CacheRequest | undefined {
  const { messages, system } = counted;
  // A text in the place of a message must not be taken for the text of one.
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(isJsonObject)) return undefined;
  const turns = messages as readonly JsonObject[];
  const context: Record<string, Json> = {};
  if (system !== undefined) context["system"] = system;
  if (turns.length > 1) context["messages"] = turns.slice(0, -1);
  return {
    operation: OPERATION,
    ...who,
    settings: { ...around, body: withoutMembers(counted, APART) },
    ...(Object.keys(context).length === 0 ? {} : { context }),
    prompt: promptOf(turns.at(-1) as JsonObject),
    shape: shapeOf(body, turns),
  };
}

/** The text of a plain user message; any other message as it is. One block of text is the same as the text. */
function promptOf(message: JsonObject): Json {
  if (message["role"] !== "user" || Object.keys(message).length !== 2) return message;
  const { content } = message;
  if (typeof content === "string") return content;
  const block = Array.isArray(content) && content.length === 1 ? (content[0] as Json) : undefined;
  if (!isJsonObject(block) || block["type"] !== "text" || Object.keys(block).length !== 2) return message;
  return typeof block["text"] === "string" ? block["text"] : message;
}

function shapeOf(body: JsonObject, messages: readonly JsonObject[]): CacheRequest["shape"] {
  const { system, tools, mcp_servers: servers, temperature } = body;
  const isAttached = (content: Json | undefined): boolean =>
    Array.isArray(content) &&
    (content as readonly Json[]).some((block) => !isJsonObject(block) || block["type"] !== "text");
  return {
    turns: messages.filter(({ role }) => role !== "system").length,
    tools: tools !== undefined || servers !== undefined,
    attachments: isAttached(system) || messages.some(({ content }) => isAttached(content)),
    ...(typeof temperature === "number" ? { temperature } : {}),
  };
}
