import type { CacheRequest, Json, JsonObject } from "@llmcache/core";
import {
  assembledOnce,
  isJsonObject,
  isSigned,
  type AskedForMore,
  type KnownAssembly,
  type ServerSentEvent,
  type WireCall,
  type WireRequest,
} from "@llmcache/fetch";
import { noteOf } from "./answer-note.ts";
import type { ChunkAssembly } from "./chunk-assembly.ts";
import { hideUsage } from "./chunk-events.ts";
import type { Asked } from "./identity.ts";

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
  readonly more: AskedForMore | undefined;
  readonly #endpoint: ChunkedEndpoint;
  readonly #body: JsonObject;
  readonly #wantsUsage: boolean;
  #known: KnownAssembly<ChunkAssembly> | undefined;

  /** `more`: see {@link usageToo}. */
  constructor(endpoint: ChunkedEndpoint, request: CacheRequest, body: JsonObject, more?: AskedForMore) {
    this.request = request;
    this.streaming = body["stream"] === true;
    this.more = more;
    this.#endpoint = endpoint;
    this.#body = body;
    this.#wantsUsage = wantsUsage(body);
  }

  get variant(): string {
    return this.#asksForUsage ? "usage" : "";
  }

  judge(answer: Json): ReturnType<WireCall["judge"]> {
    return this.#endpoint.judge(answer, this.#body);
  }

  judgeEvents(events: readonly ServerSentEvent[]): ReturnType<WireCall["judgeEvents"]> {
    const { answer, failed, finished, done, usage } = this.#assemble(events);
    if (failed) return "fail";
    if (answer === undefined || !finished) return "none";
    // Without the closing mark, the end must be plain from what came: every choice, and the usage if it was asked for.
    const all =
      (answer["choices"] as readonly Json[]).length >= this.#endpoint.wantedChoices(this.#body) &&
      (usage || !this.#asksForUsage);
    return done || all ? this.judge(answer) : "none";
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

  get #asksForUsage(): boolean {
    return this.#wantsUsage || this.more !== undefined;
  }

  #assemble(events: readonly ServerSentEvent[]): ChunkAssembly {
    this.#known = assembledOnce(this.#known, events, (all) => this.#endpoint.assemble(all));
    return this.#known.assembly;
  }
}

/**
 * How the usage of a stream is asked for where the caller does not, and hidden from him; `undefined` where he does, or where nothing
 * else can be sent than what he wrote.
 */
export function usageToo(request: WireRequest, { body, isRewritable }: Asked): AskedForMore | undefined {
  if (body["stream"] !== true || wantsUsage(body) || !isRewritable || isSigned(request.headers)) return undefined;
  const { stream_options: options } = body;
  return {
    body: JSON.stringify({
      ...body,
      stream_options: { ...(isJsonObject(options) ? options : {}), include_usage: true },
    }),
    show(event) {
      if (!event.data.includes("usage")) return "same";
      const told = hideUsage([event]);
      return told === undefined || told[0] === event ? "same" : told[0];
    },
  };
}

function wantsUsage({ stream_options: options }: JsonObject): boolean {
  return isJsonObject(options) && options["include_usage"] === true;
}
