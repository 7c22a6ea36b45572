import type { CacheRequest, Json, Verdict } from "@llmcache/core";
import type { ServerSentEvent, WireCall } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { assembleResponse, isEnding, type ResponseAssembly } from "./responses-assembly.ts";
import { responseEvents } from "./responses-events.ts";

/** A request for a Response. */
export class ResponsesCall implements WireCall {
  readonly request: CacheRequest;
  readonly streaming: boolean;
  /** All streams of one request are alike, but for their padding. */
  readonly variant = "";
  readonly #judge: (answer: Json) => Verdict;
  #assembled:
    | { readonly events: readonly ServerSentEvent[]; readonly count: number; readonly assembly: ResponseAssembly }
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
    const { response, agrees, failed } = this.#assemble(events);
    if (failed) return "fail";
    return response !== undefined && agrees ? this.#judge(response) : "none";
  }

  note(answer: Json): ReturnType<WireCall["note"]> {
    return noteOf(answer);
  }

  noteEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["note"]> {
    const { response } = this.#assemble(events);
    return response === undefined ? {} : noteOf(response);
  }

  /** Some providers send a `[DONE]` that OpenAI does not. */
  endsStream(event: ServerSentEvent): boolean {
    return isEnding(event) || event.data.trim() === "[DONE]";
  }

  toAnswer(events: readonly ServerSentEvent[]): Json | undefined {
    const { response, agrees, lossless } = this.#assemble(events);
    return agrees && lossless ? response : undefined;
  }

  toEvents(answer: Json): readonly ServerSentEvent[] | undefined {
    return responseEvents(answer);
  }

  adapt(): "same" {
    return "same";
  }

  /** A stream is put together once, though it is both judged and accounted for. */
  #assemble(events: readonly ServerSentEvent[]): ResponseAssembly {
    const known = this.#assembled;
    if (known?.events === events && known.count === events.length) return known.assembly;
    const assembly = assembleResponse(events);
    this.#assembled = { events, count: events.length, assembly };
    return assembly;
  }
}
