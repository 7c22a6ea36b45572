import type { AssembledRules } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { assembleResponse, isEnding } from "./responses-assembly.ts";
import { responseEvents } from "./responses-events.ts";

/** Of requests for a Response. Their streams are alike, but for the padding. */
export const RESPONSES: AssembledRules = {
  note: noteOf,
  toEvents: responseEvents,

  assemble(events) {
    const { response, agrees, lossless, failed } = assembleResponse(events);
    return { answer: response, whole: agrees, lossless, failed };
  },

  /** Some providers send a `[DONE]` that OpenAI does not. */
  endsStream: (event) => isEnding(event) || event.data.trim() === "[DONE]",
};
