import type { CacheRequest, Json, Verdict } from "@llmcache/core";
import { hasInexactInteger, isJsonObject, parseJsonText, type ServerSentEvent, type WireCall } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import { assembleGenerated, hasFailed, type GenerateAssembly } from "./generate-assembly.ts";

/** A request for generated content. */
export class GenerateCall implements WireCall {
  readonly request: CacheRequest;
  readonly streaming: boolean;
  /** All streams of one request are alike. */
  readonly variant = "";
  readonly #judge: (answer: Json) => Verdict;
  #assembled:
    | { readonly events: readonly ServerSentEvent[]; readonly count: number; readonly assembly: GenerateAssembly }
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
    const { answer, failed } = this.#assemble(events);
    if (failed) return "fail";
    return answer === undefined ? "none" : this.#judge(answer);
  }

  note(answer: Json): ReturnType<WireCall["note"]> {
    return noteOf(answer);
  }

  noteEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["note"]> {
    const { answer } = this.#assemble(events);
    return answer === undefined ? {} : noteOf(answer);
  }

  /** Nothing says that a whole answer ends. Behind an error there is nothing, and the SDK reads no further. */
  endsStream({ data }: ServerSentEvent): boolean {
    return data.includes('"error"') && hasFailed(parseJsonText(data));
  }

  toAnswer(events: readonly ServerSentEvent[]): Json | undefined {
    const { answer, lossless, failed } = this.#assemble(events);
    return lossless && !failed ? answer : undefined;
  }

  /** An event is an answer: one event says all of it. */
  toEvents(answer: Json): readonly ServerSentEvent[] | undefined {
    if (!isJsonObject(answer) || hasInexactInteger(answer)) return undefined;
    return [{ event: "message", data: JSON.stringify(answer) }];
  }

  adapt(): "same" {
    return "same";
  }

  /** A stream is put together once, though it is both judged and accounted for. */
  #assemble(events: readonly ServerSentEvent[]): GenerateAssembly {
    const known = this.#assembled;
    if (known?.events === events && known.count === events.length) return known.assembly;
    const assembly = assembleGenerated(events);
    this.#assembled = { events, count: events.length, assembly };
    return assembly;
  }
}
