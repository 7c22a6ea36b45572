import type { AnswerCache, CacheControl, Json, Run } from "@llmcache/core";
import { answerHeaders } from "./cache-status.ts";
import { decodeAnswer, encodeAnswer, headOfResponse, type Answer } from "./exchange.ts";
import { handOut } from "./handed-out.ts";
import { makeResponse, originOf } from "./response.ts";
import type { Upstream } from "./upstream.ts";
import { jsonOf, judgeWhole } from "./verdict.ts";
import type { WireCall } from "./wire-format.ts";

/** What the provider has just sent. */
interface Fresh {
  readonly response: Response;
  readonly answer: Answer;
  readonly bytes: Uint8Array;
  readonly json: unknown;
}

/** An answer in one piece. */
export async function whole(
  cache: AnswerCache,
  call: WireCall,
  control: CacheControl,
  ask: Upstream,
): Promise<Response> {
  let fresh: Fresh | undefined;
  const produce = async (run: Run): Promise<Answer> => {
    const response = await ask.send(run);
    const bytes = new Uint8Array(await response.arrayBuffer());
    const answer: Answer = { head: headOfResponse(response), pieces: [bytes] };
    const json = jsonOf(answer.head, bytes, call);
    fresh = { response, answer, bytes, json };
    if (json !== undefined) run.note(call.note(json as Json));
    return answer;
  };
  const outcome = await cache.through<Answer>(call.request, produce, {
    ...control,
    signal: ask.signal,
    unkeyable: "bypass",
    encode: (answer) => encodeAnswer(answer.head, answer.pieces),
    decode: (body) => decodeAnswer(body, call),
    judge: (answer) => (fresh === undefined ? "pass" : judgeWhole(answer.head, fresh.bytes, fresh.json, call)),
  });
  // Who asked gets exactly what the provider sent, with all its headers.
  const own = outcome.status === "miss" || outcome.status === "bypass" ? fresh : undefined;
  const { head, pieces } = own?.answer ?? outcome.value;
  const headers = answerHeaders(outcome, own?.response, head, control);
  const [only] = pieces;
  const body = pieces.length === 1 ? only : Buffer.concat(pieces);
  const { status } = head;
  return handOut(
    makeResponse(
      body,
      { status, statusText: own?.response.statusText },
      headers,
      originOf(ask.wire?.url, own?.response),
    ),
    [outcome],
  );
}
