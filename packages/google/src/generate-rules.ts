import { hasInexactInteger, isJsonObject, parseJsonText, type AssembledRules } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { assembleGenerated, hasFailed } from "./generate-assembly.ts";

/** Of requests for generated content. */
export const GENERATE: AssembledRules = {
  note: noteOf,

  /** Nothing says that an answer is whole: the gate goes by its finish reason. */
  assemble: (events) => ({ ...assembleGenerated(events), whole: true }),

  /** An event is an answer: one event says all of it. */
  toEvents(answer) {
    if (!isJsonObject(answer) || hasInexactInteger(answer)) return undefined;
    return [{ event: "message", data: JSON.stringify(answer) }];
  },

  /** Nothing says that a whole answer ends. Behind an error there is nothing, and the SDK reads no further. */
  endsStream: ({ data }) => data.includes('"error"') && hasFailed(parseJsonText(data)),
};
