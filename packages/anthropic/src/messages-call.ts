import type { CacheRequest, Json, Verdict } from "@llmcache/core";
import { isJsonObject, parseJsonText, type ServerSentEvent, type WireCall } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { assembleMessage, type MessageAssembly } from "./messages-assembly.ts";
import { messageEvents } from "./messages-events.ts";

const ENDING = "message_stop";

/** A request for a message. */
export class MessagesCall implements WireCall {
  readonly request: CacheRequest;
  readonly streaming: boolean;
  /** All streams of one request are alike. */
  readonly variant = "";
  readonly #judge: (answer: Json) => Verdict;
  #assembled:
    | { readonly events: readonly ServerSentEvent[]; readonly count: number; readonly assembly: MessageAssembly }
    | undefined;

  constructor(request: CacheRequest, streaming: boolean, judge: (answer: Json) => Verdict) {
    this.request = request;
    this.streaming = streaming;
    this.#judge = judge;
  }

  judge(answer: Json): Verdict {
    return this.#judge(answer);
  }

  judgeEvents(events: readonly ServerSentEvent[]): Verdict {
    const { message, agrees, finished, failed } = this.#assemble(events);
    if (failed) return "fail";
    return message !== undefined && agrees && finished ? this.#judge(message) : "none";
  }

  note(answer: Json): ReturnType<WireCall["note"]> {
    return noteOf(answer);
  }

  noteEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["note"]> {
    const { message } = this.#assemble(events);
    return message === undefined ? {} : noteOf(message);
  }

  /** Behind an error there is nothing. */
  endsStream({ event, data }: ServerSentEvent): boolean {
    if (event === ENDING || event === "error") return true;
    if (event !== "message" || !data.includes(ENDING)) return false;
    const value = parseJsonText(data);
    return isJsonObject(value) && value["type"] === ENDING;
  }

  toAnswer(events: readonly ServerSentEvent[]): Json | undefined {
    const { message, agrees, finished, lossless, failed } = this.#assemble(events);
    return agrees && finished && lossless && !failed ? message : undefined;
  }

  toEvents(answer: Json): readonly ServerSentEvent[] | undefined {
    return messageEvents(answer);
  }

  adapt(): "same" {
    return "same";
  }

  /** A stream is put together once, though it is both judged and accounted for. */
  #assemble(events: readonly ServerSentEvent[]): MessageAssembly {
    const known = this.#assembled;
    if (known?.events === events && known.count === events.length) return known.assembly;
    const assembly = assembleMessage(events);
    this.#assembled = { events, count: events.length, assembly };
    return assembly;
  }
}
