import { storeAnywaySet, type CacheRequest, type Json, type JsonObject } from "@llmcache/core";
import { AssembledCall, isJsonObject, withoutMembers, type WireFormat } from "@llmcache/fetch";
import type { GoogleFormatOptions } from "./format-options.ts";
import { judgeGenerated } from "./generate-gate.ts";
import { GENERATE } from "./generate-rules.ts";
import { usesHostedTools } from "./hosted-tools.ts";
import { askedPath, requestReader, type Asked } from "./identity.ts";
import { IGNORED_ON_THE_WIRE } from "./request-fields.ts";
import { STORE_ANYWAY } from "./store-anyway.ts";

const WHOLE = "generateContent";
const STREAMED = "streamGenerateContent";
const APART: ReadonlySet<string> = new Set(["systemInstruction", "contents"]);

/** The wire format of Gemini's `generateContent` and `streamGenerateContent`. */
export function googleGenerateContent(options: GoogleFormatOptions = {}): WireFormat {
  const storeAnyway = storeAnywaySet(STORE_ANYWAY, options.storeAnyway);
  const read = requestReader(options);
  return {
    name: "google.generateContent",
    knows(request) {
      const method = askedPath(request)?.method;
      return method === WHOLE || method === STREAMED;
    },
    read(request, bytes) {
      const asked = read(request, bytes);
      if (asked === undefined || (!storeAnyway.has("hosted-tool") && usesHostedTools(asked.body))) return undefined;
      const streaming = asked.method === STREAMED;
      // Without it a stream is one long list.
      if (streaming && request.url.searchParams.get("alt") !== "sse") return undefined;
      const identity = identify(asked);
      return (
        identity &&
        new AssembledCall(GENERATE, identity, streaming, (answer) => judgeGenerated(answer, asked.body, storeAnyway))
      );
    },
  };
}

/** What a body asks: everything but the few fields that cannot change the answer. */
function identify({ exact, body, who, around }: Asked): CacheRequest | undefined {
  const counted = withoutNothing(withoutMembers(exact, IGNORED_ON_THE_WIRE));
  const { contents, systemInstruction } = counted;
  // A text in the place of a content must not be taken for the text of one.
  if (!Array.isArray(contents) || contents.length === 0 || !contents.every(isJsonObject)) return undefined;
  const turns = contents as readonly JsonObject[];
  const context: Record<string, Json> = {};
  if (systemInstruction !== undefined) context["systemInstruction"] = systemInstruction;
  if (turns.length > 1) context["contents"] = turns.slice(0, -1);
  return {
    operation: WHOLE,
    ...who,
    settings: { ...around, body: withoutMembers(counted, APART) },
    ...(Object.keys(context).length === 0 ? {} : { context }),
    prompt: promptOf(turns.at(-1) as JsonObject),
    shape: shapeOf(body, turns),
  };
}

/** The SDK sends an empty configuration where it is given any options, be they only of HTTP. */
function withoutNothing(body: JsonObject): JsonObject {
  const { generationConfig, ...others } = body;
  return isJsonObject(generationConfig) && Object.keys(generationConfig).length === 0 ? others : body;
}

/** The text of a plain user content; any other content as it is. */
function promptOf(content: JsonObject): Json {
  const { role, parts, ...others } = content;
  if (role !== "user" || Object.keys(others).length > 0) return content;
  const part = Array.isArray(parts) && parts.length === 1 ? (parts[0] as Json) : undefined;
  if (!isJsonObject(part) || Object.keys(part).length !== 1) return content;
  return typeof part["text"] === "string" ? part["text"] : content;
}

function shapeOf(body: JsonObject, contents: readonly JsonObject[]): CacheRequest["shape"] {
  const { tools, cachedContent, generationConfig } = body;
  const temperature = isJsonObject(generationConfig) ? generationConfig["temperature"] : undefined;
  const isAttached = ({ parts }: JsonObject): boolean =>
    Array.isArray(parts) &&
    (parts as readonly Json[]).some((part) => !isJsonObject(part) || typeof part["text"] !== "string");
  return {
    turns: contents.length,
    tools: tools !== undefined,
    attachments: cachedContent !== undefined || contents.some(isAttached),
    ...(typeof temperature === "number" ? { temperature } : {}),
  };
}
