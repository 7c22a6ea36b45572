import type { Part, Tool } from "@google/genai";
import type { Json, JsonObject } from "@llmcache/core";
import { isJsonObject } from "@llmcache/fetch";

/**
 * `"plain"`: the answer says what the caller is to run; `"hosted"`: the provider looks at what changes or does something, or the
 * caller runs it on a screen, which changes under an answer.
 */
type ToolPlace = "plain" | "hosted";

/** Every kind of tool that the SDK knows. One that it does not know is hosted. */
const TOOLS: Readonly<Record<string, ToolPlace>> = {
  functionDeclarations: "plain",
  codeExecution: "hosted",
  computerUse: "hosted",
  enterpriseWebSearch: "hosted",
  exaAiSearch: "hosted",
  fileSearch: "hosted",
  googleMaps: "hosted",
  googleSearch: "hosted",
  googleSearchRetrieval: "hosted",
  mcpServers: "hosted",
  parallelAiSearch: "hosted",
  retrieval: "hosted",
  urlContext: "hosted",
} satisfies Record<keyof Tool, ToolPlace>;

/** Every member that a part of an answer may have. One that the SDK does not know was made by a hosted tool. */
const PARTS: Readonly<Record<string, ToolPlace>> = {
  text: "plain",
  thought: "plain",
  thoughtSignature: "plain",
  functionCall: "plain",
  inlineData: "plain",
  fileData: "plain",
  audioTranscription: "plain",
  mediaProcessing: "plain",
  mediaResolution: "plain",
  partMetadata: "plain",
  speechMetadata: "plain",
  videoMetadata: "plain",
  functionResponse: "plain",
  codeExecutionResult: "hosted",
  executableCode: "hosted",
  toolCall: "hosted",
  toolResponse: "hosted",
} satisfies Record<keyof Part, ToolPlace>;

/** What a candidate says of what was looked up for it. */
const LOOKED_UP = ["groundingMetadata", "urlContextMetadata"] as const;

/** May a hosted tool be used for this request? */
export function usesHostedTools({ tools }: JsonObject): boolean {
  if (tools === undefined || tools === null) return false;
  return (
    !Array.isArray(tools) || (tools as readonly Json[]).some((tool) => !isJsonObject(tool) || hasHosted(tool, TOOLS))
  );
}

/** Was a hosted tool used for this candidate? Grounding without anything in it says that none was. */
export function isHosted(candidate: JsonObject, parts: readonly JsonObject[]): boolean {
  const lookedUp = LOOKED_UP.map((name) => candidate[name]);
  return (
    lookedUp.some((value) => isJsonObject(value) && Object.keys(value).length > 0) ||
    parts.some((part) => hasHosted(part, PARTS))
  );
}

function hasHosted(value: JsonObject, places: Readonly<Record<string, ToolPlace>>): boolean {
  return Object.entries(value).some(
    ([name, member]) => member !== null && (!Object.hasOwn(places, name) || places[name] === "hosted"),
  );
}
