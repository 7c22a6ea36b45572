import type { Body, LLMCache, Outcome } from "@llmcache/core";
import {
  CallMemo,
  outcomesOf,
  statusHeaders,
  storedAnswer,
  type ArrivedRequest,
  type RememberedCall,
  type SentRequest,
  type StoredAnswer,
  type WireCall,
} from "@llmcache/fetch";
import type { ServerResponse } from "node:http";
import { namesOf } from "./caller-controls.ts";
import type { Caller, Upstream } from "./gateway-options.ts";

/** A request that has been answered from the cache before. */
export interface KnownRequest extends RememberedCall {
  readonly upstream: Upstream;
  /** Names of the controls that it uses. */
  readonly controls: readonly string[];
  /** The stored answer, if it may be served as it is; under the caller's namespace. */
  lookup(): Promise<Outcome<StoredAnswer> | undefined>;
}

/**
 * The short way of a hit: a request that was a hit before is not parsed again. Whether there is an answer for it, and whether it may be
 * served, is asked of the cache each time, in the same way and under the same controls as on the long way.
 */
export class Hits {
  readonly #cache: LLMCache;
  readonly #memo: CallMemo<KnownRequest> = new CallMemo<KnownRequest>();

  constructor(cache: LLMCache) {
    this.#cache = cache;
  }

  /** What is known of a request that says the same as this one. */
  find(arrived: ArrivedRequest): KnownRequest | undefined {
    return this.#memo.find(arrived);
  }

  /** What the long way answered may come again. */
  learn(arrived: ArrivedRequest, sent: SentRequest, upstream: Upstream, { namespace }: Caller, answer: Response): void {
    const outcomes = outcomesOf(answer);
    const [outcome] = outcomes ?? [];
    if (outcomes?.length !== 1 || outcome?.status !== "hit" || outcome.similarity !== undefined) return;
    try {
      this.#memo.learn(arrived, sent, ({ call, control }) => ({
        call,
        control,
        upstream,
        controls: namesOf(control),
        lookup: this.#cache.run({ namespace }, () =>
          this.#cache.repeatedLookup(call.request, { ...control, decode: answerReader(call) }),
        ),
      }));
    } catch {
      // It has had its answer, and takes the long way the next time, too.
    }
  }

  /** It was no hit any more. */
  forget(arrived: ArrivedRequest, known: KnownRequest): void {
    this.#memo.forget(arrived, known);
  }
}

/** Reads each body once, as long as the store hands out the same one: they never change. What had to be converted is not kept. */
function answerReader(call: WireCall): (body: Body) => StoredAnswer | undefined {
  const known = new WeakMap<Body, StoredAnswer>();
  return (body) => {
    const before = known.get(body);
    if (before !== undefined) return before;
    const stored = storedAnswer(body, call);
    if (stored !== undefined && body.held === "bytes" && stored.bytes.buffer === body.bytes().buffer)
      known.set(body, stored);
    return stored;
  };
}

/** What callers and their limits ask of a request, as one text that tells where each part ends. */
export function aroundOf(api: string, { namespace, spent }: Caller): string {
  return `${api}\n${spent.length === 0 ? "" : spent.join()}\n${namespace}`;
}

/** Sends a stored answer as it is, in one write. @returns the bytes of its body */
export function sendHit(response: ServerResponse, { control }: KnownRequest, outcome: Outcome<StoredAnswer>): number {
  const { head, bytes } = outcome.value;
  const headers: string[] = [];
  for (const name in head.headers) headers.push(name, head.headers[name] as string);
  const own = statusHeaders(outcome, control.noCache === true);
  for (const name in own) headers.push(name, own[name] as string);
  headers.push("content-length", String(bytes.byteLength));
  response.writeHead(head.status, headers);
  // Borrowed, and only read: the socket has no need of a copy.
  response.end(bytes);
  return bytes.byteLength;
}
