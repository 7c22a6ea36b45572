import type {
  EmbedContentConfig,
  EmbedContentParameters,
  GenerateContentConfig,
  GenerateContentParameters,
} from "@google/genai";
import type { FieldRole } from "@llmcache/fetch";

/**
 * Every field of `generateContent` that the SDK knows, with those of its `config`. The type check fails when the SDK gains one, until
 * somebody decides about it here. On the wire everything counts, known or not, but for what {@link IGNORED_ON_THE_WIRE} names.
 */
export const GENERATE_FIELDS: Readonly<
  Record<keyof GenerateContentParameters | keyof GenerateContentConfig, FieldRole>
> = {
  model: "counts",
  contents: "counts",
  // Holds the rest.
  config: "counts",
  abortSignal: "ignored",
  audioTimestamp: "counts",
  audioTranscriptionConfig: "counts",
  // These two say what the SDK does with an answer; they are not sent.
  automaticContinuation: "ignored",
  automaticFunctionCalling: "ignored",
  cachedContent: "counts",
  candidateCount: "counts",
  continuationToken: "counts",
  enableEnhancedCivicAnswers: "counts",
  frequencyPenalty: "counts",
  generationOutputConfig: "counts",
  // But for the address, the version and what is added to the body, which are part of the request.
  httpOptions: "ignored",
  imageConfig: "counts",
  // For the provider's bills.
  labels: "ignored",
  logprobs: "counts",
  maxOutputTokens: "counts",
  mediaResolution: "counts",
  modelArmorConfig: "counts",
  modelSelectionConfig: "counts",
  presencePenalty: "counts",
  responseJsonSchema: "counts",
  responseLogprobs: "counts",
  responseMimeType: "counts",
  responseModalities: "counts",
  responseSchema: "counts",
  routingConfig: "counts",
  safetySettings: "counts",
  seed: "counts",
  serviceTier: "counts",
  speechConfig: "counts",
  stopSequences: "counts",
  store: "counts",
  systemInstruction: "counts",
  temperature: "counts",
  thinkingConfig: "counts",
  toolConfig: "counts",
  tools: "counts",
  topK: "counts",
  topP: "counts",
} satisfies Record<keyof GenerateContentParameters | keyof GenerateContentConfig, FieldRole>;

/** The same for `embedContent`. */
export const EMBED_FIELDS: Readonly<Record<keyof EmbedContentParameters | keyof EmbedContentConfig, FieldRole>> = {
  model: "counts",
  contents: "counts",
  config: "counts",
  abortSignal: "ignored",
  audioTrackExtraction: "counts",
  autoTruncate: "counts",
  documentOcr: "counts",
  httpOptions: "ignored",
  // Only sent to Vertex's `predict`, which passes.
  mimeType: "ignored",
  outputDimensionality: "counts",
  taskType: "counts",
  title: "counts",
} satisfies Record<keyof EmbedContentParameters | keyof EmbedContentConfig, FieldRole>;

/** Members of a `generateContent` body that do not count: ignored fields that are sent. */
export const IGNORED_ON_THE_WIRE: ReadonlySet<string> = new Set(["labels"]);
