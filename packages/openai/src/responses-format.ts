import { storeAnywaySet, type CacheRequest, type Json, type JsonObject } from "@llmcache/core";
import { AssembledCall, isJsonObject, type WireFormat } from "@llmcache/fetch";
import { goesTo } from "./endpoint.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { requestReader, settingsOf, type Asked } from "./identity.ts";
import { RESPONSES_FIELDS } from "./responses-fields.ts";
import { judgeResponse } from "./responses-gate.ts";
import { RESPONSES } from "./responses-rules.ts";
import { usesHostedTools } from "./responses-tools.ts";
import { unlessOtherModel } from "./other-model.ts";
import { STORE_ANYWAY, type StoreAnyway } from "./store-anyway.ts";

const ENDPOINT = "/responses";
const OPERATION = "responses";
const APART: ReadonlySet<string> = new Set(["model", "instructions", "input"]);

/** The wire format of OpenAI's Responses. */
export function openAIResponses(options: OpenAIFormatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const read = requestReader(
    { endpoint: ENDPOINT, fields: RESPONSES_FIELDS, conversation: "input", modelless: true },
    options,
  );
  return {
    name: "openai.responses",
    knows: (request) => goesTo(request, ENDPOINT),
    read(request, bytes) {
      const asked = read(request, bytes);
      if (asked === undefined || !isRepeatable(asked.body, storeAnyway)) return undefined;
      const identity = identify(asked);
      return (
        identity &&
        new AssembledCall(RESPONSES, identity, asked.body["stream"] === true, (answer) =>
          unlessOtherModel(judgeResponse(answer, asked.body, storeAnyway), answer, asked.expected),
        )
      );
    },
  };
}

/** Does the answer depend on the request alone, and is an answer all that is wanted of it? */
function isRepeatable(body: JsonObject, storeAnyway: ReadonlySet<StoreAnyway>): boolean {
  const { background, conversation, prompt, generate, prompt_cache_options: caching } = body;
  // A receipt, of an answer that is fetched later.
  if (background === true) return false;
  // It is added to the conversation, which was another one the last time.
  if (conversation !== undefined && conversation !== null) return false;
  // Only warms a provider's cache.
  if (generate === false || (isJsonObject(caching) && caching["prewarm"] === true)) return false;
  if (usesHostedTools(body) && !storeAnyway.has("hosted-tool")) return false;
  const pinned = !isJsonObject(prompt) || typeof prompt["version"] === "string";
  return pinned || storeAnyway.has("unpinned-prompt");
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify(asked: Asked): CacheRequest | undefined {
  const { input, instructions } = asked.counted;
  const items = typeof input === "string" ? [{ role: "user", content: input }] : (input ?? []);
  // A text in the place of an item must not be taken for the text of one.
  if (!Array.isArray(items) || !items.every(isJsonObject)) return undefined;
  const turns = items as readonly JsonObject[];
  const last = turns.at(-1);
  const context: Record<string, Json> = {};
  if (instructions !== undefined) context["instructions"] = instructions;
  if (turns.length > 1) context["items"] = turns.slice(0, -1);
  return {
    operation: OPERATION,
    ...asked.who,
    // An empty list is not a missing one.
    settings: { ...settingsOf(asked, APART), ...(input === undefined || last !== undefined ? {} : { input }) },
    ...(Object.keys(context).length === 0 ? {} : { context }),
    prompt: last === undefined ? [] : promptOf(last),
    shape: shapeOf(asked.body, turns),
  };
}

/** The text of a plain user message; any other item as it is. One part of text is the same as the text. */
function promptOf(item: JsonObject): Json {
  const { role, content, type, ...others } = item;
  if (role !== "user" || (type !== undefined && type !== "message") || Object.keys(others).length > 0) return item;
  if (typeof content === "string") return content;
  const part = Array.isArray(content) && content.length === 1 ? (content[0] as Json) : undefined;
  if (!isJsonObject(part) || part["type"] !== "input_text" || Object.keys(part).length !== 2) return item;
  return typeof part["text"] === "string" ? part["text"] : item;
}

function shapeOf(body: JsonObject, items: readonly JsonObject[]): CacheRequest["shape"] {
  const spoken = items.filter(({ role }) => role !== "system" && role !== "developer");
  const isAttached = ({ content, role }: JsonObject): boolean =>
    role === undefined ||
    (Array.isArray(content) &&
      (content as readonly Json[]).some((part) => !isJsonObject(part) || part["type"] !== "input_text"));
  const { temperature, previous_response_id: previous, prompt } = body;
  const elsewhere = isGiven(previous) || isGiven(prompt);
  return {
    turns: spoken.length,
    tools: body["tools"] !== undefined,
    attachments: elsewhere || items.some(isAttached),
    ...(typeof temperature === "number" ? { temperature } : {}),
  };
}

function isGiven(value: Json | undefined): boolean {
  return value !== undefined && value !== null;
}
