import { ownBytes, type Body } from "@llmcache/core";
import type { WireCall } from "./wire-format.ts";
import { readEvents, splitEvents, writeEvent } from "./sse.ts";

/** How an answer came: one piece of JSON (or whatever it is), or an event stream. */
export type AnswerForm = "whole" | "events";

/** What is kept of an answer besides its bytes. */
export interface AnswerHead {
  readonly status: number;
  readonly form: AnswerForm;
  /** Lower-case names; only those on the list. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of a stream: how many bytes came with each piece, and after how many ms: `[bytes, ms, bytes, ms, …]`. */
  readonly pace?: readonly number[] | undefined;
  /** Of a stream: see `WireCall.variant`. */
  readonly variant?: string | undefined;
}

/** An answer as it is handed over: ready to become a Response. */
export interface Answer {
  readonly head: AnswerHead;
  /** In pieces; of a stream, one event each. */
  readonly pieces: readonly Uint8Array[];
}

/** Stored with every answer; everything else (ids of requests, cookies, limits, credentials) never is. */
const KEPT_HEADERS = ["content-type", "content-language", "openai-version"] as const;
/** Of failures, which are never stored, but handed to all who wait for them. */
const FAILURE_HEADERS = ["retry-after", "retry-after-ms", "x-should-retry"] as const;

const HANDED_ON: ReadonlySet<string> = new Set([...KEPT_HEADERS, ...FAILURE_HEADERS]);
/** What a header's value may consist of; `Headers` would throw at anything else. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const FORMAT = 1;
const NEWLINE = 0x0a;

/** The head of an answer that is just coming in. */
export function headOfResponse(response: Response): AnswerHead {
  const headers: Record<string, string> = {};
  for (const name of response.ok ? KEPT_HEADERS : [...KEPT_HEADERS, ...FAILURE_HEADERS]) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  return { status: response.status, form: isEventStream(response) ? "events" : "whole", headers };
}

function isEventStream(response: Response): boolean {
  return /^\s*text\/event-stream\b/i.test(response.headers.get("content-type") ?? "");
}

/** The stored form: a line with the head and the size, then the bytes as they came. */
export function encodeAnswer(head: AnswerHead, pieces: readonly Uint8Array[]): Uint8Array {
  const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  return Buffer.concat([headLine(head, size), ...pieces]);
}

/** The first line of the stored form; without the size, the first chunk of a stream that is just coming in. */
export function headLine(head: AnswerHead, size?: number): Uint8Array {
  return Buffer.from(`${JSON.stringify({ llmcacheAnswer: FORMAT, size, ...head })}\n`, "utf8");
}

interface HeadLine extends AnswerHead {
  readonly size?: number;
}

/** The head in a first line; `undefined` if that is none. */
export function readHeadLine(line: Uint8Array): HeadLine | undefined {
  const value = parseJson(line);
  return isHead(value) ? value : undefined;
}

function isHead(value: unknown): value is HeadLine {
  if (typeof value !== "object" || value === null) return false;
  const { llmcacheAnswer, status, form, headers, pace, variant } = value as Record<string, unknown>;
  return (
    llmcacheAnswer === FORMAT &&
    Number.isInteger(status) &&
    (status as number) >= 200 &&
    (status as number) <= 599 &&
    (form === "whole" || form === "events") &&
    typeof headers === "object" &&
    headers !== null &&
    Object.entries(headers).every(
      ([name, text]) => HANDED_ON.has(name) && typeof text === "string" && HEADER_VALUE.test(text),
    ) &&
    (variant === undefined || typeof variant === "string") &&
    (pace === undefined || (Array.isArray(pace) && pace.every((step) => Number.isSafeInteger(step) && step >= 0)))
  );
}

/** A stored answer as it is: its head, and a copy of its bytes; `undefined` if it is none, or not whole. */
export function readStored(body: Body): { readonly head: AnswerHead; readonly bytes: Uint8Array } | undefined {
  const stored = borrowStored(body);
  // Stored bytes are borrowed: what goes out is a copy.
  return stored === undefined ? undefined : { head: stored.head, bytes: ownBytes(stored.bytes) };
}

/** The same without the copy: for who only reads. */
export function borrowStored(body: Body): { readonly head: AnswerHead; readonly bytes: Uint8Array } | undefined {
  if (body.kind !== "bytes") return undefined;
  const stored = body.bytes();
  const lineEnd = stored.indexOf(NEWLINE);
  const line = lineEnd < 0 ? undefined : readHeadLine(stored.subarray(0, lineEnd));
  // What a store has cut off is not passed on.
  if (line === undefined || line.size !== stored.byteLength - lineEnd - 1) return undefined;
  const { status, form, headers, pace, variant } = line;
  return { head: { status, form, headers, pace, variant }, bytes: stored.subarray(lineEnd + 1) };
}

/**
 * A stored answer in the form that a call wants it in; `undefined` if it cannot be had in that form without loss, or is no
 * stored answer at all.
 */
export function decodeAnswer(body: Body, call: WireCall): Answer | undefined {
  const stored = readStored(body);
  if (stored === undefined) return undefined;
  const { head, bytes } = stored;
  if (head.status !== 200) return { head, pieces: [bytes] };
  if (call.asStored === true) return { head, pieces: head.form === "events" ? splitEvents(bytes) : [bytes] };
  if (head.form === "whole") return call.streaming ? asEvents(head, bytes, call) : { head, pieces: [bytes] };
  return call.streaming ? adapted(head, bytes, call) : asWhole(head, bytes, call);
}

function asEvents(head: AnswerHead, bytes: Uint8Array, call: WireCall): Answer | undefined {
  const events = call.toEvents(parse(bytes));
  if (events === undefined) return undefined;
  const headers = { ...head.headers, "content-type": "text/event-stream; charset=utf-8" };
  return { head: { status: head.status, form: "events", headers }, pieces: events.map(writeEvent) };
}

function asWhole(head: AnswerHead, bytes: Uint8Array, call: WireCall): Answer | undefined {
  const answer = call.toAnswer(readEvents(bytes).events);
  if (answer === undefined) return undefined;
  const headers = { ...head.headers, "content-type": "application/json" };
  return {
    head: { status: head.status, form: "whole", headers },
    pieces: [Buffer.from(JSON.stringify(answer), "utf8")],
  };
}

function adapted(head: AnswerHead, bytes: Uint8Array, call: WireCall): Answer | undefined {
  if (call.variant !== undefined && head.variant === call.variant) return { head, pieces: splitEvents(bytes) };
  const events = call.adapt(readEvents(bytes).events);
  if (events === undefined) return undefined;
  if (events === "same") return { head, pieces: splitEvents(bytes) };
  return { head: { status: head.status, form: "events", headers: head.headers }, pieces: events.map(writeEvent) };
}

/** The JSON of an answer; what is none is `undefined`, typed as JSON for formats, which test what they are given anyway. */
function parse(bytes: Uint8Array): never {
  return parseJson(bytes) as never;
}

/** JSON from bytes, or `undefined`. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
}
