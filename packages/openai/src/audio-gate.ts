import { isUtf8 } from "node:buffer";
import { verdictOn, type Json, type Verdict } from "@llmcache/core";
import { isJsonObject, parseJsonText, type ServerSentEvent } from "@llmcache/fetch";
import type { StoreAnyway } from "./store-anyway.ts";

/** What transcripts are sent as that are no JSON. Anything else may be a proxy's page. */
const TEXT_TYPE = /^\s*(?:text\/(?:plain|vtt|srt)|application\/(?:x-subrip|srt))\s*(?:;|$)/i;
/** Formats that are no JSON. */
const TEXT_FORMATS: ReadonlySet<unknown> = new Set(["text", "srt", "vtt"]);
const DONE = "transcript.text.done";

/** May this transcript be stored? Without a word in it, it is empty. */
export function judgeTranscript(answer: Json, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  if (!isJsonObject(answer)) return "pass";
  if (answer["error"] !== undefined && answer["error"] !== null) return "fail";
  const { text } = answer;
  return typeof text === "string" ? judgeText(text, storeAnyway) : "pass";
}

/** The same of one that is no JSON, as it was asked for. */
export function judgePlainTranscript(
  answer: Uint8Array,
  contentType: string,
  format: Json | undefined,
  storeAnyway: ReadonlySet<StoreAnyway>,
): Verdict {
  if (!TEXT_FORMATS.has(format) || !TEXT_TYPE.test(contentType) || !isUtf8(answer)) return "pass";
  return judgeText(Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength).toString("utf8"), storeAnyway);
}

/** The same of a stream: it must have come to its last event. */
export function judgeTranscriptEvents(
  events: readonly ServerSentEvent[],
  storeAnyway: ReadonlySet<StoreAnyway>,
): Verdict {
  const spoken = events.filter(({ data }) => data.trim() !== "[DONE]");
  const told = spoken.map(({ data }) => parseJsonText(data));
  if (spoken.some(({ event }) => event === "error") || told.some(isError)) return "fail";
  const last = told.at(-1);
  return isJsonObject(last) && last["type"] === DONE ? judgeTranscript(last, storeAnyway) : "pass";
}

/** The event that sums a stream up. */
export function doneEvent(events: readonly ServerSentEvent[]): Json {
  for (const { data } of events.toReversed()) {
    const told = parseJsonText(data);
    if (isJsonObject(told) && told["type"] === DONE) return told;
  }
  return null;
}

function isError(told: Json | undefined): boolean {
  if (!isJsonObject(told)) return true;
  return told["type"] === "error" || (told["error"] !== undefined && told["error"] !== null);
}

function judgeText(text: string, storeAnyway: ReadonlySet<StoreAnyway>): Verdict {
  return verdictOn(text.trim() === "" ? ["empty"] : [], storeAnyway);
}
