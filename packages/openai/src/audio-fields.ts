import type { FieldOf, FieldRole } from "@llmcache/fetch";
import type { TranscriptionCreateParams, TranslationCreateParams } from "openai/resources/audio";

/**
 * Every field of a request for a transcription that the SDK knows. The type check fails when the SDK gains one, until somebody
 * decides about it here. Fields that the SDK does not know count.
 */
export const TRANSCRIPTIONS_FIELDS: Readonly<Record<FieldOf<TranscriptionCreateParams>, FieldRole>> = {
  // By its content, its type and the extension of its name.
  file: "counts",
  model: "counts",
  chunking_strategy: "counts",
  include: "counts",
  keywords: "counts",
  known_speaker_names: "counts",
  known_speaker_references: "counts",
  language: "counts",
  languages: "counts",
  prompt: "counts",
  response_format: "counts",
  // A stream has no text or subtitles, and an answer in one piece no deltas: each form has entries of its own.
  stream: "counts",
  temperature: "counts",
  timestamp_granularities: "counts",
} satisfies Record<FieldOf<TranscriptionCreateParams>, FieldRole>;

/** The same of a request for a translation. */
export const TRANSLATIONS_FIELDS: Readonly<Record<FieldOf<TranslationCreateParams>, FieldRole>> = {
  file: "counts",
  model: "counts",
  prompt: "counts",
  response_format: "counts",
  temperature: "counts",
} satisfies Record<FieldOf<TranslationCreateParams>, FieldRole>;
