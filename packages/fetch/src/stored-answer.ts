import { ownBytes, type Body, type CacheControl, type Outcome } from "@llmcache/core";
import { answerHeaders } from "./cache-status.ts";
import { borrowStored, decodeAnswer, type AnswerHead } from "./exchange.ts";
import { knownHead } from "./known-heads.ts";
import { makeResponse, originOf, streamOf } from "./response.ts";
import { splitEvents } from "./sse.ts";
import type { WireCall } from "./wire-format.ts";

/** A stored answer in the form that a call wants it in, in one piece. */
export interface StoredAnswer {
  /** Without its pace. */
  readonly head: AnswerHead;
  /** Borrowed: they may be the store's. */
  readonly bytes: Uint8Array;
}

/**
 * What {@link cachedFetch} would answer this call with, for adapters that answer without a Response; `undefined` if the call cannot be
 * served, or this is no stored answer. What need not be converted is not taken apart.
 */
export function storedAnswer(body: Body, call: WireCall): StoredAnswer | undefined {
  const stored = knownHead(body) ?? borrowStored(body);
  if (stored === undefined) return undefined;
  if (isAsWanted(stored.head, call)) return stored;
  const answer = decodeAnswer(body, call);
  return answer === undefined ? undefined : { head: answer.head, bytes: Buffer.concat(answer.pieces) };
}

function isAsWanted({ status, form, variant }: AnswerHead, call: WireCall): boolean {
  if (status !== 200 || call.asStored === true) return true;
  if (form === "whole") return !call.streaming;
  return call.streaming && call.variant !== undefined && call.variant === variant;
}

/** The Response that {@link cachedFetch} gives to a call that asked for `url` and was served this answer. */
export function hitResponse(
  outcome: Outcome<unknown>,
  { head, bytes }: StoredAnswer,
  call: Pick<WireCall, "streaming">,
  control: CacheControl,
  url: URL,
): Response {
  const { status } = head;
  const headers = answerHeaders(outcome, undefined, head, control);
  const own = ownBytes(bytes);
  const pieces = head.form === "events" ? splitEvents(own) : [own];
  const body = call.streaming ? streamOf(oneByOne(pieces)) : own;
  return makeResponse(body, { status }, headers, originOf(url, undefined));
}

async function* oneByOne(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}
