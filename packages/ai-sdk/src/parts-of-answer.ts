import type {
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from "@ai-sdk/provider";

/** An answer in one piece, less what is kept of no answer. */
export type Answer = Omit<LanguageModelV4GenerateResult, "request">;

/** The parts of a stream that says what an answer says; `undefined` if no stream could. */
export function partsOf(answer: Answer): LanguageModelV4StreamPart[] | undefined {
  // A stream has no place for it.
  if (answer.structuredOutputText !== undefined) return undefined;
  const { id, timestamp, modelId } = answer.response ?? {};
  const parts: LanguageModelV4StreamPart[] = [{ type: "stream-start", warnings: answer.warnings }];
  const response = { ...given("id", id), ...given("timestamp", timestamp), ...given("modelId", modelId) };
  if (Object.keys(response).length > 0) parts.push({ type: "response-metadata", ...response });
  let blocks = 0;
  for (const content of answer.content) {
    const own = blockOf(content, String(blocks));
    if (own !== undefined) blocks++;
    parts.push(...(own ?? callOf(content)));
  }
  const { usage, finishReason, providerMetadata } = answer;
  parts.push({ type: "finish", usage, finishReason, ...given("providerMetadata", providerMetadata) });
  return parts;
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
