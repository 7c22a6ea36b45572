import type { LanguageModelV4StreamPart } from "@ai-sdk/provider";
import type { Body, Json } from "@llmcache/core";
import { collect } from "./answer-of-parts.ts";
import { pack, unpack, type Packed } from "./pack.ts";
import { partsOf, type Answer } from "./parts-of-answer.ts";
import { ofUsual, usualOf, type UsualAnswer } from "./usual-answer.ts";

/** The form in which answers are stored; what has another one is a miss. */
const FORMAT = 1;

/** What is known of a stream besides its parts. */
export interface StreamRecord {
  /** When each part came, in ms since the first. */
  readonly at: readonly number[];
  readonly headers: Readonly<Record<string, string>> | undefined;
}

/** A stored answer, as a stream. */
export interface StoredStream extends Partial<StreamRecord> {
  readonly parts: readonly LanguageModelV4StreamPart[];
}

const DELTAS = ["text-delta", "reasoning-delta", "tool-input-delta"] as const;

export function encodeAnswer(answer: Answer): Json {
  const usual = usualOf(answer);
  return usual === undefined ? { v: FORMAT, whole: packed(answer) } : { v: FORMAT, usual };
}

/** Parts in a row that add to one block are one list: number of the type, id, deltas. */
export function encodeStream(parts: readonly LanguageModelV4StreamPart[], { at, headers }: StreamRecord): Json {
  const rows: unknown[] = [];
  const times: number[] = [];
  let run: unknown[] | undefined;
  for (const [index, part] of parts.entries()) {
    // It says nothing.
    if (part.type === "ping") continue;
    times.push(at[index] ?? 0);
    const delta = plainDelta(part);
    if (delta === undefined) {
      rows.push(part);
      run = undefined;
    } else if (run !== undefined && run[0] === delta.type && run[1] === delta.id) run.push(delta.delta);
    else rows.push((run = [delta.type, delta.id, delta.delta]));
  }
  return { v: FORMAT, stream: packed(rows), at: times, ...(headers === undefined ? {} : { headers: { ...headers } }) };
}

function plainDelta(part: LanguageModelV4StreamPart): { type: number; id: string; delta: string } | undefined {
  const type = DELTAS.indexOf(part.type as (typeof DELTAS)[number]);
  if (type < 0 || !("delta" in part)) return undefined;
  return Object.keys(part).length === 3 ? { type, id: part.id, delta: part.delta } : undefined;
}

/** In one piece; `undefined` where that would lose something, and for what is no answer. */
export function decodeAnswer(body: Body): Answer | undefined {
  const stored = read(body);
  if (stored === undefined) return undefined;
  if (!("stream" in stored)) return wholeOf(stored);
  const { parts, headers } = streamOf(stored);
  const { answer, isLossless } = collect(parts);
  if (answer === undefined || !isLossless) return undefined;
  return headers === undefined ? answer : { ...answer, response: { ...answer.response, headers: { ...headers } } };
}

/** As a stream; `undefined` where that would lose something, and for what is no answer. */
export function decodeStream(body: Body): StoredStream | undefined {
  const stored = read(body);
  if (stored === undefined) return undefined;
  if ("stream" in stored) return streamOf(stored);
  const answer = wholeOf(stored);
  const parts = partsOf(answer);
  return parts === undefined ? undefined : { parts, headers: answer.response?.headers };
}

type StoredForm =
  | { readonly usual: UsualAnswer }
  | { readonly whole: Packed }
  | { readonly stream: Packed; readonly at: number[]; readonly headers?: Readonly<Record<string, string>> };

function read(body: Body): StoredForm | undefined {
  if (body.kind !== "json") return undefined;
  const stored = body.json();
  if (typeof stored !== "object" || stored === null || (stored as { v?: unknown }).v !== FORMAT) return undefined;
  return stored as unknown as StoredForm;
}

function wholeOf(stored: Exclude<StoredForm, { stream: Packed }>): Answer {
  return "usual" in stored ? ofUsual(stored.usual) : (unpack(stored.whole) as Answer);
}

function streamOf({ stream, at, headers }: Extract<StoredForm, { stream: Packed }>): StoredStream {
  const parts: LanguageModelV4StreamPart[] = [];
  for (const row of unpack(stream) as readonly unknown[]) {
    if (!Array.isArray(row)) {
      parts.push(row as LanguageModelV4StreamPart);
      continue;
    }
    const [type, id, ...deltas] = row as [number, string, ...string[]];
    for (const delta of deltas) parts.push({ type: DELTAS[type] as "text-delta", id, delta });
  }
  return { parts, at, headers };
}

function packed(value: unknown): Json {
  const { value: json, special } = pack(value);
  return special === undefined ? { value: json } : { value: json, special };
}
