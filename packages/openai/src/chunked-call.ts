import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import type { ServerSentEvent, WireCall } from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import type { ChunkAssembly } from "./chunk-assembly.ts";
import { hideUsage } from "./chunk-events.ts";
import { isObject } from "./json-shape.ts";

/** What tells an endpoint with streams of chunks from another. */
export interface ChunkedEndpoint {
  judge(answer: Json, body: JsonObject): ReturnType<WireCall["judge"]>;
  /** How many choices a request asks for. */
  wantedChoices(body: JsonObject): number;
  assemble(events: readonly ServerSentEvent[]): ChunkAssembly;
  toEvents(answer: Json, withUsage: boolean): readonly ServerSentEvent[] | undefined;
}

/** A request to an endpoint whose streams are chunks of choices, with the usage on request: chat completions, completions. */
export class ChunkedCall implements WireCall {
  readonly request: CacheRequest;
  readonly streaming: boolean;
  readonly #endpoint: ChunkedEndpoint;
  readonly #body: JsonObject;
  readonly #wantsUsage: boolean;
  #assembled:
    | { readonly events: readonly ServerSentEvent[]; readonly count: number; readonly assembly: ChunkAssembly }
    | undefined;

  constructor(endpoint: ChunkedEndpoint, request: CacheRequest, body: JsonObject) {
    this.request = request;
    this.streaming = body["stream"] === true;
    this.#endpoint = endpoint;
    this.#body = body;
    const { stream_options: streamOptions } = body;
    this.#wantsUsage = isObject(streamOptions) && streamOptions["include_usage"] === true;
  }

  get variant(): string {
    return this.#wantsUsage ? "usage" : "";
  }

  judge(answer: Json): ReturnType<WireCall["judge"]> {
    return this.#endpoint.judge(answer, this.#body);
  }

  judgeEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["judgeEvents"]> {
    const { answer, failed, finished, done, usage } = this.#assemble(events);
    if (failed) return "fail";
    if (answer === undefined || !finished) return "pass";
    // Without the closing mark, the end must be plain from what came: every choice, and the usage if it was asked for.
    const all =
      (answer["choices"] as readonly Json[]).length >= this.#endpoint.wantedChoices(this.#body) &&
      (usage || !this.#wantsUsage);
    return done || all ? this.judge(answer) : "pass";
  }

  note(answer: Json): ReturnType<WireCall["note"]> {
    return noteOf(answer);
  }

  noteEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["note"]> {
    const { answer } = this.#assemble(events);
    return answer === undefined ? {} : noteOf(answer);
  }

  endsStream(event: ServerSentEvent): boolean {
    return event.data.trim() === "[DONE]";
  }

  /** Without its usage a stream lacks something that every JSON answer has. */
  toAnswer(events: readonly ServerSentEvent[]): Json | undefined {
    const { answer, lossless, failed, finished, usage } = this.#endpoint.assemble(events);
    return lossless && finished && !failed && usage ? answer : undefined;
  }

  toEvents(answer: Json): readonly ServerSentEvent[] | undefined {
    return this.#endpoint.toEvents(answer, this.#wantsUsage);
  }

  adapt(events: readonly ServerSentEvent[]): ReturnType<WireCall["adapt"]> {
    const { usage } = this.#endpoint.assemble(events);
    if (this.#wantsUsage) return usage ? "same" : undefined;
    return usage ? hideUsage(events) : "same";
  }

  /** A stream is put together once, though it is both judged and accounted for. */
  #assemble(events: readonly ServerSentEvent[]): ChunkAssembly {
    const known = this.#assembled;
    if (known?.events === events && known.count === events.length) return known.assembly;
    const assembly = this.#endpoint.assemble(events);
    this.#assembled = { events, count: events.length, assembly };
    return assembly;
  }
}
