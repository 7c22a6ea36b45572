import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";

/** An answer in one piece, less what is kept of no answer. */
export type Answer = Omit<LanguageModelV4GenerateResult, "request">;

/** The parts of a stream that says what an answer says; `undefined` if no stream could. */
export function partsOf(answer: Answer): LanguageModelV4StreamPart[] | undefined {
  // A stream has no place for what is left over.
  const { content: all, usage, finishReason, providerMetadata, warnings, response: from, ...others } = answer;
  const { id, timestamp, modelId, headers: _headers, ...ofResponse } = from ?? {};
  if (!isNothing(others) || !isNothing(ofResponse) || all.some(hasMore)) return undefined;
  const parts: LanguageModelV4StreamPart[] = [{ type: "stream-start", warnings }];
  const response = { ...given("id", id), ...given("timestamp", timestamp), ...given("modelId", modelId) };
  if (Object.keys(response).length > 0) parts.push({ type: "response-metadata", ...response });
  let blocks = 0;
  for (const content of all) {
    const own = blockOf(content, String(blocks));
    if (own !== undefined) blocks++;
    parts.push(...(own ?? callOf(content)));
  }
  parts.push({ type: "finish", usage, finishReason, ...given("providerMetadata", providerMetadata) });
  return parts;
}

/** A text or a thought with members that no part of its block has. */
function hasMore(content: LanguageModelV4Content): boolean {
  if (content.type !== "text" && content.type !== "reasoning") return false;
  const { type: _type, text: _text, providerMetadata: _metadata, ...others } = content;
  if (!("citations" in others)) return !isNothing(others);
  const { citations: _citations, ...more } = others;
  return content.type !== "text" || !isNothing(more);
}

function isNothing(members: object): boolean {
  return Object.values(members).every((member) => member === undefined);
}

/** Text and reasoning come as blocks. */
function blockOf(content: LanguageModelV4Content, id: string): LanguageModelV4StreamPart[] | undefined {
  if (content.type !== "text" && content.type !== "reasoning") return undefined;
  const { type, text, providerMetadata } = content;
  const citations = content.type === "text" ? content.citations : undefined;
  return [
    { type: `${type}-start`, id, ...given("providerMetadata", providerMetadata) },
    ...(text === "" ? [] : [{ type: `${type}-delta` as const, id, delta: text }]),
    { type: `${type}-end`, id, ...given("citations", citations) },
  ];
}

/** Calls of tools are announced, as providers do; all else is a part as it is. */
function callOf(content: LanguageModelV4Content): LanguageModelV4StreamPart[] {
  const part = content as LanguageModelV4StreamPart;
  if (part.type !== "tool-call") return [part];
  const { toolCallId: id, toolName, input, providerExecuted, dynamic } = part;
  return [
    {
      type: "tool-input-start",
      id,
      toolName,
      ...given("providerExecuted", providerExecuted),
      ...given("dynamic", dynamic),
    },
    ...(input === "" ? [] : [{ type: "tool-input-delta" as const, id, delta: input }]),
    { type: "tool-input-end", id },
    part,
  ];
}

function given<Name extends string, T>(name: Name, value: T | undefined): { [K in Name]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { [K in Name]?: T };
}
