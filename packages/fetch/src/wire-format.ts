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
  /**
   * The same for a request that asks several things at once, each of which has an answer of its own. Asked first, where the
   * format has it; `undefined`: this request is no list, or none that may be taken apart. Signed requests are not taken apart.
   */
  readList?(request: WireRequest, body: Uint8Array): ListCall | undefined;
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
  /**
   * Asks the provider for more than the caller did, so that the answer serves more calls (the usage of a stream, say), and takes it
   * out again. Not asked of requests that are signed over their body: a format leaves it out there.
   */
  readonly more?: AskedForMore | undefined;
  /**
   * The form counts in the request's identity: whatever is stored was recorded for such a call and is sent again as it came.
   * `toAnswer`, `toEvents` and `adapt` are not asked then. @default false
   */
  readonly asStored?: boolean | undefined;
  /** May a JSON answer (status 200) be stored? */
  judge(answer: Json): Verdict;
  /**
   * May an answer (status 200) be stored whose content type is not JSON? Where a format lacks it, an answer is JSON if it reads
   * as such, whatever it is called, and otherwise not stored.
   */
  judgeOther?(answer: Uint8Array, contentType: string): Verdict;
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

/** See {@link WireCall.more}. */
export interface AskedForMore {
  /** The body that is sent in the place of the caller's. */
  readonly body: string;
  /** What the caller is shown of an event of the stream: `"same"` as it is; another event; `undefined` nothing. */
  show(event: ServerSentEvent): ServerSentEvent | "same" | undefined;
}

/** A request for a list as its format understands it. An item is whatever the format makes of it; only the format looks inside. */
export interface ListCall<Item = unknown> {
  /** What is asked with each item, in the order of the list. Never empty. */
  readonly requests: readonly CacheRequest[];
  /** The body that asks for the items at these positions, in this order, and for nothing else. */
  bodyOf(positions: readonly number[]): string;
  /** How many items the provider takes in one request, at most: more are asked for in several, as even as they can be. @default no limit */
  readonly maxBatch?: number | undefined;
  /**
   * An answer (status 200) to so many items, taken apart; `undefined` if it is none, or one to another number of items. Where items are
   * alike (samples), one item or more will do: the rest is asked for again.
   */
  split(answer: Json, count: number): SplitList<Item> | undefined;
  /**
   * How many items an answer has. Where a format says so, an answer (status 200) with another number than was asked for is an error
   * also where the whole list was asked for. @default such an answer is handed on then, as it came
   */
  countOf?(answer: Json): number | undefined;
  /** The stored form of an item. */
  write(item: Item): Uint8Array;
  /** An item in its stored form (borrowed bytes); `undefined` if it cannot serve this call, or is none. */
  readItem(bytes: Uint8Array): Item | undefined;
  /**
   * The answer to the whole list, of its items in order; `undefined` if they do not go together and all have to be asked for
   * anew. `newest` is the position of the item that was answered last.
   */
  merge(items: readonly Item[], newest: number): Uint8Array | undefined;
  /** Who answered and what it used. */
  note(answer: Json): RunNote;
  /** An item's own share of that. @default all of it is on the account of the first of the items that were asked for together */
  noteItem?(item: Item): RunNote;
}

/** See {@link ListCall.split}. */
export interface SplitList<Item = unknown> {
  /** In the order in which they were asked for. */
  readonly items: readonly Item[];
  /** Was that the provider's order too? Then its answer to the whole list is handed on as it came. */
  readonly inOrder: boolean;
  /** May the items be stored? */
  readonly verdict: Verdict;
  /** Each of them, where they are judged one by one. @default what holds for all */
  readonly verdicts?: readonly Verdict[] | undefined;
}
