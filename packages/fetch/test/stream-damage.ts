import { setImmediate as nextTurn } from "node:timers/promises";
import { LLMCache, type JsonObject } from "@llmcache/core";
import { writeEvent, type ServerSentEvent } from "../src/index.ts";
import type { Dice } from "./dice.ts";

/** What may happen to a stream on its way. */
export const DAMAGES = [
  "none",
  "cut",
  "cut and failed",
  "byte changed",
  "byte lost",
  "event lost",
  "event twice",
] as const;

/** What comes of it. */
export interface Damaged {
  readonly bytes: Buffer;
  /** The connection breaks behind these bytes. */
  readonly fails: boolean;
}

export function damaged(events: readonly ServerSentEvent[], damage: (typeof DAMAGES)[number], roll: Dice): Damaged {
  const newline = roll.of(["\n", "\r\n", "\r"]);
  const at = roll.below(events.length);
  const told =
    damage === "event lost"
      ? events.toSpliced(at, 1)
      : damage === "event twice"
        ? events.toSpliced(at, 0, events[at] as ServerSentEvent)
        : events;
  const bytes = Buffer.from(
    told.map((event) => Buffer.from(writeEvent(event)).toString().replaceAll("\n", newline)).join(""),
  );
  const where = roll.below(bytes.byteLength);
  if (damage === "cut" || damage === "cut and failed")
    return { bytes: bytes.subarray(0, where), fails: damage !== "cut" };
  if (damage === "byte changed") bytes[where] = roll.below(256);
  if (damage === "byte lost")
    return { bytes: Buffer.concat([bytes.subarray(0, where), bytes.subarray(where + 1)]), fails: false };
  return { bytes, fails: false };
}

/** A provider that sends these bytes, in pieces. */
function provider({ bytes, fails }: Damaged, roll: Dice): typeof globalThis.fetch {
  return async () => {
    let sent = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        if (sent < bytes.byteLength) {
          const end = Math.min(bytes.byteLength, sent + 1 + roll.below(bytes.byteLength));
          controller.enqueue(new Uint8Array(bytes.subarray(sent, end)));
          sent = end;
        } else if (fails) controller.error(new TypeError("terminated"));
        else controller.close();
      },
    });
    return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
  };
}

/** All bytes up to the end or the failure. */
async function bytesOf(response: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of response.body ?? []) pieces.push(piece);
  } catch {
    // Cut: what came counts.
  }
  return Buffer.concat(pieces);
}

export interface Replayed {
  /** What the caller got who asked first. */
  readonly first: Buffer;
  /** What the cache has for a call with a stream, and for one without. */
  readonly again: Buffer | undefined;
  readonly answer: JsonObject | undefined;
}

/** Asks by a caching `fetch`, for a stream or an answer in one piece. */
export type Ask = (stream: boolean, headers: Record<string, string>) => Promise<Response>;

/** Has a stream recorded, and asks the cache alone for it. */
export async function recordAndReplay(
  given: Damaged,
  roll: Dice,
  asking: (cache: LLMCache, upstream: typeof globalThis.fetch) => Ask,
): Promise<Replayed> {
  // Weakly held objects are let go between turns only.
  await nextTurn();
  const cache = new LLMCache();
  const ask = asking(cache, provider(given, roll));
  const first = await bytesOf(await ask(true, {}));
  await cache.settled();
  const onlyIfCached = { "cache-control": "only-if-cached" };
  const again = await ask(true, onlyIfCached);
  const whole = await ask(false, onlyIfCached);
  return {
    first,
    again: again.status === 200 ? await bytesOf(again) : undefined,
    answer: whole.status === 200 ? ((await whole.json()) as JsonObject) : undefined,
  };
}
