import { isJsonObject, parseJsonText, type AssembledRules } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { assembleMessage } from "./messages-assembly.ts";
import { messageEvents } from "./messages-events.ts";

const ENDING = "message_stop";

/** Of requests for a message. */
export const MESSAGES: AssembledRules = {
  note: noteOf,
  toEvents: messageEvents,

  assemble(events) {
    const { message, agrees, finished, lossless, failed } = assembleMessage(events);
    return { answer: message, whole: agrees && finished, lossless, failed };
  },

  /** Behind an error there is nothing. */
  endsStream({ event, data }) {
    if (event === ENDING || event === "error") return true;
    if (event !== "message" || !data.includes(ENDING)) return false;
    const value = parseJsonText(data);
    return isJsonObject(value) && value["type"] === ENDING;
  },
};
