import type { Body } from "@llmcache/core";
import { readHeadLine, type AnswerHead } from "./exchange.ts";

/** Answers of one provider have the same few heads, but for their size and their pace. */
const heads: Map<string, AnswerHead> = new Map<string, AnswerHead>();
const MAX_HEADS = 100;
const MAX_CHARACTERS = 1000;

const NEWLINE = 0x0a;
/** As `headLine` writes it. */
const SIZE = /^\{"llmcacheAnswer":1,"size":([0-9]{1,15}),/;
/** A quote without a backslash before it: it stands in no text. */
const PACE = ',"pace":[';
const NUMBERS = /^[0-9,]*$/;

/**
 * What `borrowStored` gives, without the pace, where the head is one that has been read before: then it need not be parsed.
 * `undefined` for all else, which `borrowStored` has to judge.
 */
export function knownHead(body: Body): { readonly head: AnswerHead; readonly bytes: Uint8Array } | undefined {
  if (body.kind !== "bytes") return undefined;
  const stored = body.bytes();
  const lineEnd = stored.indexOf(NEWLINE);
  if (lineEnd < 0) return undefined;
  const line = Buffer.from(stored.buffer, stored.byteOffset, lineEnd).toString("utf8");
  const size = SIZE.exec(line);
  if (size === null || Number(size[1]) !== stored.byteLength - lineEnd - 1) return undefined;
  const rest = withoutPace(line.slice(size[0].length));
  const head = rest === undefined ? undefined : (heads.get(rest) ?? learn(rest));
  return head && { head, bytes: stored.subarray(lineEnd + 1) };
}

function withoutPace(line: string): string | undefined {
  const start = line.indexOf(PACE);
  if (start < 0) return line;
  const end = line.indexOf("]", start);
  if (end < 0 || !NUMBERS.test(line.slice(start + PACE.length, end))) return undefined;
  return line.slice(0, start) + line.slice(end + 1);
}

function learn(rest: string): AnswerHead | undefined {
  const line =
    rest.length > MAX_CHARACTERS ? undefined : readHeadLine(Buffer.from(`{"llmcacheAnswer":1,${rest}`, "utf8"));
  if (line === undefined) return undefined;
  const { status, form, headers, variant } = line;
  const head: AnswerHead = { status, form, headers, variant };
  if (heads.size >= MAX_HEADS) heads.clear();
  heads.set(rest, head);
  return head;
}
