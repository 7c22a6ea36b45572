import type { CacheRequest, Json, RunNote, Verdict } from "@llmcache/core";
import type { ServerSentEvent } from "./sse.ts";
import type { WireCall } from "./wire-format.ts";

/** What the events of a stream amount to. */
export interface StreamAssembly {
  /** The answer as far as it came; `undefined` if not even that. */
  readonly answer: Json | undefined;
  /** The events make one answer, and its end was there. */
  readonly whole: boolean;
  /** The answer says all that the events said. */
  readonly lossless: boolean;
  /** The provider reported an error in mid-stream, or sent what is no JSON. */
  readonly failed: boolean;
}

/** What tells one endpoint, whose streams can be put together to answers and back, from another. */
export interface AssembledRules {
  assemble(events: readonly ServerSentEvent[]): StreamAssembly;
  toEvents(answer: Json): readonly ServerSentEvent[] | undefined;
  endsStream(event: ServerSentEvent): boolean;
  note(answer: Json): RunNote;
}

/** A request whose streams are all alike: it does not say what is in them. They are judged by the answer that they amount to. */
export class AssembledCall implements WireCall {
  readonly request: CacheRequest;
  readonly streaming: boolean;
  readonly variant = "";
  readonly #rules: AssembledRules;
  readonly #judge: (answer: Json) => Verdict;
  #known: KnownAssembly<StreamAssembly> | undefined;

  constructor(rules: AssembledRules, request: CacheRequest, streaming: boolean, judge: (answer: Json) => Verdict) {
    this.request = request;
    this.streaming = streaming;
    this.#rules = rules;
    this.#judge = judge;
  }

  judge(answer: Json): Verdict {
    return this.#judge(answer);
  }

  judgeEvents(events: readonly ServerSentEvent[]): Verdict {
    const { answer, whole, failed } = this.#assemble(events);
    if (failed) return "fail";
    return answer !== undefined && whole ? this.#judge(answer) : "none";
  }

  note(answer: Json): RunNote {
    return this.#rules.note(answer);
  }

  noteEvents(events: readonly ServerSentEvent[]): RunNote {
    const { answer } = this.#assemble(events);
    return answer === undefined ? {} : this.#rules.note(answer);
  }

  endsStream(event: ServerSentEvent): boolean {
    return this.#rules.endsStream(event);
  }

  toAnswer(events: readonly ServerSentEvent[]): Json | undefined {
    const { answer, whole, lossless, failed } = this.#assemble(events);
    return whole && lossless && !failed ? answer : undefined;
  }

  toEvents(answer: Json): readonly ServerSentEvent[] | undefined {
    return this.#rules.toEvents(answer);
  }

  adapt(): "same" {
    return "same";
  }

  #assemble(events: readonly ServerSentEvent[]): StreamAssembly {
    this.#known = assembledOnce(this.#known, events, (all) => this.#rules.assemble(all));
    return this.#known.assembly;
  }
}

/** Events, and what they were put together to. */
export interface KnownAssembly<Assembly> {
  readonly events: readonly ServerSentEvent[];
  readonly count: number;
  readonly assembly: Assembly;
}

/** A stream is put together once, though it is both judged and accounted for: what is known, unless the events are others by now. */
export function assembledOnce<Assembly>(
  known: KnownAssembly<Assembly> | undefined,
  events: readonly ServerSentEvent[],
  assemble: (events: readonly ServerSentEvent[]) => Assembly,
): KnownAssembly<Assembly> {
  if (known?.events === events && known.count === events.length) return known;
  return { events, count: events.length, assembly: assemble(events) };
}
