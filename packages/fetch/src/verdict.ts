import type { Json, Verdict } from "@llmcache/core";
import { parseJson, type AnswerHead } from "./exchange.ts";
import type { WireCall } from "./wire-format.ts";

/** The only status whose answers are stored. */
export const OK = 200;

const JSON_TYPE = /^\s*[^;\s]+\/(?:[^;\s]+\+)?json\s*(?:;|$)/i;

/** Is this answer in one piece to be read as JSON by this call? */
export function isJsonFor(head: AnswerHead, call: Pick<WireCall, "judgeOther">): boolean {
  return call.judgeOther === undefined || JSON_TYPE.test(head.headers["content-type"] ?? "");
}

/** May an answer in one piece be stored? `json` is what its bytes say, `undefined` if they are none. */
export function judgeWhole(head: AnswerHead, bytes: Uint8Array, json: unknown, call: WireCall): Verdict {
  if (head.status !== OK) return judgeStatus(head.status);
  if (head.form !== "whole") return "none";
  if (call.judgeOther !== undefined && !isJsonFor(head, call))
    return call.judgeOther(bytes, head.headers["content-type"] ?? "");
  return json === undefined ? "none" : call.judge(json as Json);
}

/** Which failures are the provider's, and which are the request's own: none of them is an answer. */
export function judgeStatus(status: number): Verdict {
  return status === 408 || status === 409 || status === 429 || status >= 500 ? "fail" : "none";
}

/** The JSON of an answer that may be stored; `undefined` where there is none. */
export function jsonOf(head: AnswerHead, bytes: Uint8Array, call: WireCall): unknown {
  return head.status === OK && head.form === "whole" && isJsonFor(head, call) ? parseJson(bytes) : undefined;
}
