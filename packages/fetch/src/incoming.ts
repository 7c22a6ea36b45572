import type { Json, Run, Verdict } from "@llmcache/core";
import { headLine, headOfResponse, type AnswerHead } from "./exchange.ts";
import { EventReader, readEvents, type ServerSentEvent } from "./sse.ts";
import type { Upstream } from "./upstream.ts";
import { jsonOf, judgeStatus, judgeWhole, OK } from "./verdict.ts";
import type { WireCall } from "./wire-format.ts";

/** Above so many bytes nothing more is kept for the account: a stream may be endless. */
const MAX_ACCOUNT_BYTES = 16 * 1024 * 1024;

/** A stream that is just coming in from the provider. */
export class Incoming {
  response: Response | undefined;
  /** An event has ended the stream, whatever the connection does. */
  ended = false;
  readonly #call: WireCall;
  readonly #ask: Upstream;
  readonly #reader: EventReader = new EventReader();
  #head: AnswerHead | undefined;
  #run: Run | undefined;
  #bytes = 0;
  /** `undefined` when it has become too much. */
  #account: { readonly events: ServerSentEvent[]; readonly pace: number[] } | undefined = { events: [], pace: [] };

  constructor(call: WireCall, ask: Upstream) {
    this.#call = call;
    this.#ask = ask;
  }

  /** Of the stored form. */
  get head(): AnswerHead | undefined {
    return this.#head?.form === "events"
      ? { ...this.#head, pace: this.#account?.pace, variant: this.#call.variant }
      : this.#head;
  }

  async *chunks(run: Run): AsyncGenerator<Uint8Array> {
    this.#run = run;
    const response = await this.#ask.send(run, this.#call.more?.body);
    const head = headOfResponse(response);
    this.response = response;
    this.#head = head;
    yield headLine(head);
    if (response.body === null) return;
    let before = performance.now();
    for await (const bytes of response.body) {
      if (head.form === "events") {
        const now = performance.now();
        this.#take(bytes, Math.max(0, Math.round(now - before)));
        before = now;
      }
      yield bytes;
    }
    if (!this.ended) this.#note(this.#account?.events);
  }

  judge([, ...pieces]: readonly Uint8Array[]): Verdict {
    const head = this.#head;
    if (head === undefined) return "none";
    if (head.status !== OK) return judgeStatus(head.status);
    if (head.form === "whole") {
      const bytes = Buffer.concat(pieces);
      const json = jsonOf(head, bytes, this.#call);
      if (json !== undefined) this.#run?.note(this.#call.note(json as Json));
      return judgeWhole(head, bytes, json, this.#call);
    }
    if (!this.ended && !this.#endedWell()) return "none";
    const events = this.#account?.events ?? readEvents(Buffer.concat(pieces)).events;
    if (this.#account === undefined) this.#note(events);
    return this.#call.judgeEvents(events);
  }

  /** The connection ended between two events, or only the empty line behind the closing event is missing. */
  #endedWell(): boolean {
    if (this.#reader.isBetweenEvents) return true;
    const last = this.#reader.unfinished;
    if (last === undefined || !this.#call.endsStream(last)) return false;
    this.#account?.events.push(last);
    return true;
  }

  #take(bytes: Uint8Array, afterMs: number): void {
    this.#bytes += bytes.byteLength;
    if (this.#bytes > MAX_ACCOUNT_BYTES) this.#account = undefined;
    this.#account?.pace.push(bytes.byteLength, afterMs);
    if (this.ended) return;
    for (const event of this.#reader.push(bytes)) {
      this.#account?.events.push(event);
      this.ended = this.#call.endsStream(event);
      if (this.ended) return this.#note(this.#account?.events);
    }
  }

  #note(events: readonly ServerSentEvent[] | undefined): void {
    if (events !== undefined && this.#head?.status === OK) this.#run?.note(this.#call.noteEvents(events));
  }
}
