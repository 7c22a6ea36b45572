import {
  LLMCacheError,
  type AnswerCache,
  type CacheControl,
  type Json,
  type Outcome,
  type Run,
  type Verdict,
} from "@llmcache/core";
import { listHeaders } from "./cache-status.ts";
import { borrowStored, encodeAnswer, headOfResponse, parseJson, type AnswerHead } from "./exchange.ts";
import { makeResponse, originOf } from "./response.ts";
import type { Upstream } from "./upstream.ts";
import { judgeStatus, OK } from "./verdict.ts";
import type { ListCall, SplitList, WireFormat } from "./wire-format.ts";

/** What there is of one item: the item, or (without one) the failure that it shares with all that were asked for together. */
interface Part {
  readonly head: AnswerHead;
  readonly item?: unknown;
  readonly verdict?: Verdict | undefined;
  readonly failure?: Uint8Array | undefined;
}

/** What the provider has just sent. */
interface Fresh {
  readonly response: Response;
  readonly head: AnswerHead;
  readonly bytes: Uint8Array;
  /** Was it asked what the caller asked, word for word? */
  readonly asAsked: boolean;
  readonly positions: readonly number[];
  readonly list: SplitList | undefined;
}

/**
 * An answer to a list: each item from where it is stored, and the provider is asked for the others only. Its failures are handed on
 * as they are.
 */
export async function listed(
  cache: AnswerCache,
  call: ListCall,
  control: CacheControl,
  ask: Upstream,
  format: WireFormat,
): Promise<Response> {
  const fresh: Fresh[] = [];
  const produce = async (positions: readonly number[], run: Run): Promise<readonly Part[]> => {
    const asAsked = positions.length === call.requests.length;
    const response = await ask.send(run, asAsked ? undefined : call.bodyOf(positions));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const head = headOfResponse(response);
    const json = head.status === OK && head.form === "whole" ? parseJson(bytes) : undefined;
    const list = json === undefined ? undefined : call.split(json as Json, positions.length);
    fresh.push({ response, head, bytes, asAsked, positions, list });
    if (json !== undefined) run.note(call.note(json as Json));
    // A wrong answer is nobody else's: only that it was one is shared.
    const failure = head.status === OK ? new Uint8Array(0) : bytes;
    return positions.map((_, index) =>
      list === undefined ? { head, failure } : { head, item: list.items[index], verdict: list.verdict },
    );
  };
  const outcomes = await cache.throughMany<Part>(call.requests, produce, {
    ...control,
    signal: ask.signal,
    unkeyable: "bypass",
    encode: ({ head, item, failure }) => encodeAnswer(head, [failure ?? call.write(item)]),
    decode: (body) => decodePart(body, call),
    judge: ({ head, verdict, failure }) => (failure === undefined ? (verdict ?? "pass") : judgeStatus(head.status)),
  });
  // What was asked for in the background, to refresh what has expired, or in vain is nobody's answer.
  const own = fresh.filter(({ positions }) => positions.some((position) => isOwn(outcomes[position])));
  const [only] = own;
  // Who asked for all of it gets exactly what the provider sent, with all its headers.
  if (only?.asAsked === true && (isPast(outcomes) || (only.list?.inOrder !== false && outcomes.every(isOwn))))
    return answered(outcomes, only, control, ask);
  const failed = outcomes.findIndex(({ value }) => value.failure !== undefined);
  if (failed >= 0) return failedAnswer(outcomes, failed, own, control, ask, format);

  const newest = newestOf(outcomes);
  const merged = call.merge(
    outcomes.map(({ value }) => value.item),
    newest,
  );
  if (merged === undefined) return anew(cache, call, control, ask, format);
  const last = own.at(-1);
  const head = (outcomes[newest] as Outcome<Part>).value.head;
  const headers = listHeaders(outcomes, last?.response, head, control);
  return makeResponse(
    merged,
    { status: OK, statusText: last?.response.statusText },
    headers,
    originOf(ask.wire?.url, last?.response),
  );
}

/** Was the provider asked for it by this call? */
function isOwn(outcome: Outcome<Part> | undefined): boolean {
  return outcome?.status === "miss" || outcome?.status === "bypass";
}

/** Did the call go past the cache? */
function isPast([first]: readonly Outcome<Part>[]): boolean {
  return first?.status === "bypass";
}

/** A list that was joined waits for its provider's failures too, but only for those that are not about what else was asked. */
function decodePart(body: Parameters<typeof borrowStored>[0], call: ListCall): Part | undefined {
  const stored = borrowStored(body);
  if (stored === undefined) return undefined;
  const { head, bytes } = stored;
  if (head.status !== OK)
    return judgeStatus(head.status) === "fail" ? { head, failure: new Uint8Array(bytes) } : undefined;
  const item = call.readItem(bytes);
  return item === undefined ? undefined : { head, item };
}

/** The provider's answer to all that was asked, as it came. */
function answered(outcomes: readonly Outcome<Part>[], fresh: Fresh, control: CacheControl, ask: Upstream): Response {
  const { response, bytes, head } = fresh;
  const headers = listHeaders(outcomes, response, head, control, true);
  return makeResponse(
    bytes,
    { status: head.status, statusText: response.statusText },
    headers,
    originOf(ask.wire?.url, response),
  );
}

/** The failure that one item shares, which is the failure of the list. */
function failedAnswer(
  outcomes: readonly Outcome<Part>[],
  position: number,
  fresh: readonly Fresh[],
  control: CacheControl,
  ask: Upstream,
  format: WireFormat,
): Response {
  const own = fresh.find(({ list }) => list === undefined);
  if (own !== undefined && own.head.status !== OK) return answered(outcomes, own, control, ask);
  const { head, failure: bytes } = (outcomes[position] as Outcome<Part>).value;
  if (own === undefined && head.status !== OK) {
    const headers = listHeaders(outcomes, undefined, head, control);
    return makeResponse(bytes, { status: head.status }, headers, originOf(ask.wire?.url, undefined));
  }
  throw new LLMCacheError(
    "ERR_LLMCACHE_COUNT",
    `The provider was asked for ${own?.positions.length ?? 1} of ${outcomes.length} items of this ${format.name} list and answered something else; nothing of it was stored.`,
  );
}

/** Items that do not go together, answered by two versions of a model for instance: all are asked for anew. */
async function anew(
  cache: AnswerCache,
  call: ListCall,
  control: CacheControl,
  ask: Upstream,
  format: WireFormat,
): Promise<Response> {
  if (control.onlyIfCached === true || control.noCache === true) {
    throw new LLMCacheError(
      control.onlyIfCached === true ? "ERR_LLMCACHE_MISS" : "ERR_LLMCACHE_COUNT",
      `The items of this ${format.name} list are answers of different models, which do not go together in one answer.`,
    );
  }
  return listed(cache, call, { ...control, noCache: true }, ask, format);
}

/** Where the item stands that was answered last. */
function newestOf(outcomes: readonly Outcome<Part>[]): number {
  let newest = 0;
  const at = (position: number): number => {
    const outcome = outcomes[position] as Outcome<Part>;
    return outcome.status === "miss" ? Number.POSITIVE_INFINITY : (outcome.head?.createdAt ?? 0);
  };
  for (let position = 1; position < outcomes.length; position++) if (at(position) > at(newest)) newest = position;
  return newest;
}
