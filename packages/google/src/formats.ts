import type { WireFormat } from "@llmcache/fetch";
import { googleEmbedContent } from "./embed-format.ts";
import type { GoogleFormatOptions } from "./format-options.ts";
import { googleGenerateContent } from "./generate-format.ts";

/** The wire formats of all of Gemini's methods whose answers are kept. */
export function googleFormats(options: GoogleFormatOptions = {}): readonly WireFormat[] {
  return [googleGenerateContent(options), googleEmbedContent(options)];
}
