import type { WireFormat } from "@llmcache/fetch";
import { openAITranscriptions, openAITranslations } from "./audio-format.ts";
import { openAIChat } from "./chat-format.ts";
import { openAICompletions } from "./completions-format.ts";
import { openAIEmbeddings } from "./embeddings-format.ts";
import type { OpenAIFormatOptions } from "./format-options.ts";
import { openAIImages } from "./images-format.ts";
import { openAIModerations } from "./moderations-format.ts";
import { openAIResponses } from "./responses-format.ts";

/** Options of {@link openAIFormats}. */
export interface OpenAIFormatsOptions extends OpenAIFormatOptions {}

/** The wire formats of all OpenAI endpoints whose answers are kept. */
export function openAIFormats(options: OpenAIFormatsOptions = {}): readonly WireFormat[] {
  return [
    openAIChat(options),
    openAIResponses(options),
    openAICompletions(options),
    openAIEmbeddings(options),
    openAITranscriptions(options),
    openAITranslations(options),
    openAIModerations(options),
    ...openAIImages(options),
  ];
}
