import type { CacheRequest, Json, RunNote, Verdict } from "@llmcache/core";
import type { ServerSentEvent } from "./sse.ts";

/**
 * What a provider's wire format knows about requests and answers. It has no store, no time and no network: the mechanics are
 * in {@link cachedFetch}.
 */
export interface WireFormat {
  /** For messages: `"openai.chat"`. */
  readonly name: string;
  /** Is this a request of this format? Asked for every request, before its body is read. */
  knows(request: WireRequest): boolean;
  /**
   * What a request asks, or `undefined` where it cannot be cached: it is passed on untouched then, as it is if this throws.
   * `body` holds the bytes that were sent.
   */
  read(request: WireRequest, body: Uint8Array): WireCall | undefined;
}

/** A request without its body. */
export interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
}

/** One request as its format understands it. */
export interface WireCall {
  readonly request: CacheRequest;
  /** Is the answer wanted as an event stream? */
  readonly streaming: boolean;
  /**
   * Names what was asked of the stream beyond the request's identity (its usage, say). A stream is sent again unread, and read
   * along while it comes, only by calls of the variant it was recorded for; others get what {@link WireCall.adapt} makes of it.
   * `undefined`: every stored stream goes through `adapt`.
   */
  readonly variant?: string | undefined;
  /** May a JSON answer (status 200) be stored? */
  judge(answer: Json): Verdict;
  /** May an event stream that ended be stored? Anything but `"store"` for one that was cut. */
  judgeEvents(events: readonly ServerSentEvent[]): Verdict;
  /** Who answered and what it used. */
  note(answer: Json): RunNote;
  noteEvents(events: readonly ServerSentEvent[]): RunNote;
  /** Does this event end the stream, whatever the connection does? */
  endsStream(event: ServerSentEvent): boolean;
  /** The JSON answer that this call would have had; `undefined` if something of it cannot be told from the stream. */
  toAnswer(events: readonly ServerSentEvent[]): Json | undefined;
  /** The stream that this call would have had; `undefined` if something of the answer would be lost in it. */
  toEvents(answer: Json): readonly ServerSentEvent[] | undefined;
  /**
   * A stored stream of another variant as this call wants it: `"same"` as it is; other events (a usage chunk that was not asked
   * for, left out); `undefined` if it lacks something that was asked for.
   */
  adapt(events: readonly ServerSentEvent[]): readonly ServerSentEvent[] | "same" | undefined;
}
