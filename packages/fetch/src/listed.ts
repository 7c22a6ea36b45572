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
import { handOut } from "./handed-out.ts";
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
  /** What was thrown when it was asked for, after the items before it had come: these are kept. */
  readonly thrown?: { readonly error: unknown } | undefined;
}

/** Says nothing: nobody who reads it gets an answer from it, and asks for himself. */
const NOTHING_CAME: AnswerHead = { status: OK, form: "whole", headers: {} };

/** What the provider has just sent. */
interface Fresh {
  readonly response: Response;
  readonly head: AnswerHead;
  readonly bytes: Uint8Array;
  /** Was it asked what the caller asked, word for word? */
  readonly asAsked: boolean;
  readonly positions: readonly number[];
  readonly list: SplitList | undefined;
  /** Is it an answer to another number of items? */
  readonly isMiscounted: boolean;
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
  const askFor = async (positions: readonly number[], run: Run, place: number): Promise<readonly Part[]> => {
    const asAsked = positions.length === call.requests.length;
    const response = await ask.send(run, asAsked ? undefined : call.bodyOf(positions));
    const bytes = new Uint8Array(await response.arrayBuffer());
    const head = headOfResponse(response);
    const json = head.status === OK && head.form === "whole" ? parseJson(bytes) : undefined;
    const list = json === undefined ? undefined : call.split(json as Json, positions.length);
    const given = json === undefined || list !== undefined ? undefined : call.countOf?.(json as Json);
    const isMiscounted = given !== undefined && given !== positions.length;
    fresh.push({ response, head, bytes, asAsked, positions, list, isMiscounted });
    if (json !== undefined) noteList(run, call, json as Json, list, place);
    // A wrong answer is nobody else's: only that it was one is shared.
    const failure = head.status === OK ? new Uint8Array(0) : bytes;
    if (list === undefined || list.items.length === 0) return positions.map(() => ({ head, failure }));
    return list.items.map((item, index) => ({ head, item, verdict: list.verdicts?.[index] ?? list.verdict }));
  };
  const produce = async (positions: readonly number[], run: Run): Promise<readonly Part[]> => {
    const parts: Part[] = [...(await askFor(positions, run, 0))];
    // Of samples fewer may come than were asked for.
    while (parts.length < positions.length) {
      const rest = positions.slice(parts.length);
      try {
        parts.push(...(await askFor(rest, run, parts.length)));
      } catch (error) {
        parts.push(...rest.map(() => ({ head: NOTHING_CAME, failure: new Uint8Array(0), thrown: { error } })));
      }
    }
    return parts;
  };
  const outcomes = await cache.throughMany<Part>(call.requests, produce, {
    ...control,
    signal: ask.signal,
    unkeyable: "bypass",
    encode: ({ head, item, failure }) => encodeAnswer(head, [failure ?? call.write(item)]),
    decode: (body) => decodePart(body, call),
    maxBatch: call.maxBatch,
    judge: ({ head, verdict, failure, thrown }) => {
      if (thrown !== undefined) return "fail";
      return failure === undefined ? (verdict ?? "none") : judgeStatus(head.status);
    },
  });
  // What was asked for in the background, to refresh what has expired, or in vain is nobody's answer.
  const own = fresh.filter(({ positions }) => positions.some((position) => isOwn(outcomes[position])));
  const [only] = own;
  // Who asked for all of it gets exactly what the provider sent, with all its headers.
  if (
    only?.asAsked === true &&
    own.length === 1 &&
    (isPast(outcomes) || (!only.isMiscounted && only.list?.inOrder !== false && outcomes.every(isOwn)))
  )
    return handOut(answered(outcomes, only, control, ask), outcomes);
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
  return handOut(
    makeResponse(
      merged,
      { status: OK, statusText: last?.response.statusText },
      headers,
      originOf(ask.wire?.url, last?.response),
    ),
    outcomes,
  );
}

/** Each item on its own account, where the format knows its share; what came for nothing is on that of the first. */
function noteList(run: Run, call: ListCall, answer: Json, list: SplitList | undefined, place: number): void {
  const info = call.note(answer);
  if (call.noteItem === undefined || list === undefined) return run.note(info, place === 0 ? undefined : place);
  run.note({ model: info.model });
  for (const [index, item] of list.items.entries()) run.note(call.noteItem(item), place + index);
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
  if (item === undefined) return undefined;
  // The item may be that of a stream; what it becomes part of is none.
  if (head.form === "whole") return { head, item };
  return { head: { ...NOTHING_CAME, headers: { ...head.headers, "content-type": "application/json" } }, item };
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
  const { thrown } = (outcomes[position] as Outcome<Part>).value;
  if (thrown !== undefined) throw thrown.error;
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
