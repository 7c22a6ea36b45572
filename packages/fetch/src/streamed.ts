import type { AnswerCache, CacheControl } from "@llmcache/core";
import { answerHeaders } from "./cache-status.ts";
import { decodeAnswer, encodeAnswer, headLine, readHeadLine, type AnswerHead } from "./exchange.ts";
import { Incoming } from "./incoming.ts";
import { handOut } from "./handed-out.ts";
import { makeResponse, originOf, playRecorded, streamOf, type Replay } from "./response.ts";
import { shown } from "./shown.ts";
import type { Upstream } from "./upstream.ts";
import { judgeStatus } from "./verdict.ts";
import type { WireCall, WireFormat } from "./wire-format.ts";

/** An answer as an event stream. Its first chunk is the line with the head. */
export async function streamed(
  cache: AnswerCache,
  call: WireCall,
  control: CacheControl,
  ask: Upstream,
  format: WireFormat,
  replay: Replay,
): Promise<Response> {
  const incoming = new Incoming(call, ask);
  const outcome = await cache.stream<Uint8Array>(call.request, (run) => incoming.chunks(run), {
    ...control,
    signal: ask.signal,
    unkeyable: "bypass",
    chunkType: `${format.name} ${call.variant ?? ""}`,
    isLast: () => incoming.ended,
    isFailure: hasFailed,
    judge: (chunks) => incoming.judge(chunks),
    encode: ([, ...pieces]) => (incoming.head === undefined ? undefined : encodeAnswer(incoming.head, pieces)),
    decode: (body) => {
      const answer = decodeAnswer(body, call);
      return answer === undefined ? undefined : [headLine(answer.head), ...answer.pieces];
    },
  });
  const chunks = outcome.value;
  const first = await chunks.next();
  const head = first.done === true ? undefined : readHeadLine(first.value);
  if (head === undefined) {
    await chunks.return?.();
    throw new TypeError("fetch failed: a cached stream began without its head.");
  }
  const own = outcome.status === "miss" || outcome.status === "bypass" ? incoming.response : undefined;
  const headers = answerHeaders(outcome, own, head, control);
  const played = replay === "recorded" && head.pace !== undefined ? await paced(chunks, head.pace, ask.signal) : chunks;
  const { more } = call;
  const isShown = more !== undefined && head.form === "events";
  // What the provider says of the length of what it sent is not true of what is shown of it.
  if (isShown) headers.delete("content-length");
  const source = isShown ? shown(played, more) : played;
  const { status } = head;
  return handOut(
    makeResponse(streamOf(source), { status, statusText: own?.statusText }, headers, originOf(ask.wire?.url, own)),
    [outcome],
  );
}

/** Does the line with the head tell that the provider has failed? */
function hasFailed(first: Uint8Array): boolean {
  const head = readHeadLine(first);
  return head !== undefined && judgeStatus(head.status) === "fail";
}

/** Only answers that are stored have a pace: all their chunks are here. */
async function paced(
  chunks: AsyncIterable<Uint8Array>,
  pace: NonNullable<AnswerHead["pace"]>,
  signal: AbortSignal | undefined,
): Promise<AsyncIterator<Uint8Array>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return playRecorded(pieces, pace, signal);
}
