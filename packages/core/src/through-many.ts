import type { ManyOptions, Outcome, Run } from "./answer-cache.ts";
import { beginAsking, complete, encoded, failedAnswer, generationsFor, verdictOn, type Asking } from "./asking.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import { LLMCacheError } from "./errors.ts";
import type { MissReason } from "./events.ts";
import { untilAborted, type Flight, type FlightEnd, type Leave } from "./flight.ts";
import { staleness } from "./freshness.ts";
import type { CacheRequest } from "./key.ts";
import { insteadOf, refreshMany, staleOf, staleOutcome } from "./leading.ts";
import { decoded, findMany } from "./lookup.ts";
import { answered, bypassed, served, servedStale } from "./outcome.ts";
import { insideOf } from "./producing.ts";
import { fromEnd, giveUp, mayJoinAgain, meanwhileServed, needNotWait, runningFor } from "./through.ts";
import { keep, type KeptAnswer } from "./writing.ts";

/** Chunks of one list that are asked for at the same time. */
const CONCURRENT_CHUNKS = 4;

/** One of the different items of a list. */
interface Item<T> {
  readonly call: Call;
  /** Where it stands in the list, once or more. */
  readonly positions: readonly number[];
  readonly flight: Flight;
  /** Is the run ours? */
  readonly isOwn: boolean;
  /** Ends our part in the run. */
  readonly leave: Leave;
  /** May others join? */
  readonly isJoinable: boolean;
  outcome?: Outcome<T>;
}

type Missing<T> = Item<T> & { reason: MissReason };

type Produce<T> = (missing: readonly number[], run: Run) => Promise<readonly T[]>;

/** A list: equal items once, runs of others joined item by item, one lookup for the rest, and the provider for what is missing. */
export async function throughMany<T>(
  engine: Engine,
  requests: readonly CacheRequest[],
  produce: Produce<T>,
  options: ManyOptions<T>,
): Promise<readonly Outcome<T>[]> {
  options.signal?.throwIfAborted();
  const maxBatch = checkBatch(options.maxBatch);
  const tags = engine.tagReader();
  // Each item of a list is asked for itself: similar ones have no part in it.
  const exactly = engine.settings.store.match === "similar" ? { ...options, similar: false as const } : options;
  const calls = requests.map((request) => engine.begin(request, exactly, tags));
  if (calls.some((call) => call.bypass !== undefined)) return passMany(engine, calls, produce, maxBatch);

  const items = open<T>(engine, calls);
  const own = items.filter((item) => item.isOwn);
  const others = items.filter((item) => !item.isOwn);
  try {
    const shared = others.map((item) => fromOthers(engine, item, options));
    for (const each of shared) each.catch(() => undefined);
    await lead(engine, own, produce, options, maxBatch);
    const refused: Item<T>[] = [];
    for (const [index, item] of others.entries()) {
      const { outcome, end } = await (shared[index] as ReturnType<typeof fromOthers<T>>);
      // A run that could not serve us: we ask for ourselves.
      if (outcome === undefined) refused.push({ ...item, isJoinable: end === undefined || mayJoinAgain(end, 0) });
      else item.outcome = outcome;
    }
    // Opened together and led at once: nobody joins a run that nobody leads.
    const alone = refused.map((item) => ({
      ...item,
      call: engine.afresh(item.call),
      ...ownFlight(engine, item.call, item.isJoinable),
    }));
    await lead(engine, alone, produce, options, maxBatch);
    return await inOrder(
      engine,
      calls,
      [...own, ...others.filter((item) => item.outcome !== undefined), ...alone],
      options,
    );
  } finally {
    // Also where one of them failed: nobody's run goes on for us.
    leaveAll(others)(options.signal?.reason);
  }
}

/** What a run of others gives this item. Rejects with its failure, unless an expired answer may do. */
async function fromOthers<T>(
  engine: Engine,
  { call, flight, leave }: Item<T>,
  { signal, decode }: ManyOptions<T>,
): Promise<{ readonly outcome: Outcome<T> | undefined; readonly end?: FlightEnd }> {
  if (needNotWait(call, flight)) {
    const meanwhile = await meanwhileServed(engine, call, decode);
    if (meanwhile !== undefined) return { outcome: meanwhile };
  }
  let end: FlightEnd;
  try {
    end = await flight.join(signal, leave);
  } catch (error) {
    return { outcome: await insteadOf(engine, call, flight, error, decode) };
  }
  return { outcome: await fromEnd(engine, call, flight, end, decode), end };
}

/** Our own runs; where the caller's time is up, expired answers may do. */
async function lead<T>(
  engine: Engine,
  items: readonly Item<T>[],
  produce: Produce<T>,
  options: ManyOptions<T>,
  maxBatch: number,
): Promise<void> {
  try {
    await untilAborted(fly(engine, items, produce, options, maxBatch), options.signal, leaveAll(items));
  } catch (error) {
    await Promise.all(
      items.map(async (item) => {
        item.outcome ??= await insteadOf(engine, item.call, item.flight, error, options.decode);
      }),
    );
  }
}

/** The caller's abort is one participant's leaving in each of his runs. */
function leaveAll<T>(items: readonly Item<T>[]): Leave {
  return (reason) => {
    for (const item of items) item.leave(reason);
  };
}

function ownFlight(
  engine: Engine,
  call: Call,
  isJoinable: boolean,
): Pick<Item<unknown>, "flight" | "isOwn" | "leave" | "isJoinable"> {
  const flight = engine.flights.open(call.key.id, isJoinable, call.control.tags);
  return { flight, isOwn: true, leave: flight.enter(), isJoinable };
}

function checkBatch(maxBatch: number | undefined): number {
  if (maxBatch === undefined) return Number.POSITIVE_INFINITY;
  if (Number.isSafeInteger(maxBatch) && maxBatch >= 1) return maxBatch;
  throw new LLMCacheError("ERR_LLMCACHE_OPTION", `maxBatch must be a whole number from 1, not ${String(maxBatch)}.`);
}

async function passMany<T>(
  engine: Engine,
  calls: readonly Call[],
  produce: Produce<T>,
  maxBatch: number,
): Promise<readonly Outcome<T>[]> {
  const reason = calls.find((call) => call.bypass !== undefined);
  for (const call of calls) engine.countBypass({ ...call, bypass: call.bypass ?? reason?.bypass });
  const signal = calls[0]?.signal ?? new AbortController().signal;
  const outcomes: Outcome<T>[] = [];
  await inChunks([...calls.keys()], maxBatch, async (positions) => {
    const values = await produce(positions, { signal, note: () => undefined });
    checkCount(values, positions.length);
    positions.forEach((position, index) => {
      outcomes[position] = bypassed(engine, calls[position] as Call, values[index] as T);
    });
  });
  return outcomes;
}

/** Registers or joins a run for each different item, synchronously. */
function open<T>(engine: Engine, calls: readonly Call[]): Item<T>[] {
  const positions = new Map<string, number[]>();
  for (const [position, call] of calls.entries()) {
    const known = positions.get(call.key.id);
    if (known === undefined) positions.set(call.key.id, [position]);
    else known.push(position);
  }
  return [...positions.values()].map((at) => {
    const call = calls[at[0] as number] as Call;
    const joinable = engine.mayJoin(call);
    const running = joinable ? runningFor(engine, call) : undefined;
    const flight =
      running === undefined
        ? ownFlight(engine, call, joinable)
        : { flight: running, isOwn: false, leave: running.enter(), isJoinable: joinable };
    return { call, positions: at, ...flight };
  });
}

/** Reads all at once; asks, chunk by chunk, for what is missing. A failed chunk fails its items only, and then the call. */
async function fly<T>(
  engine: Engine,
  items: readonly Item<T>[],
  produce: Produce<T>,
  options: ManyOptions<T>,
  maxBatch: number,
): Promise<void> {
  const [first] = items;
  if (first === undefined) return;
  const missing: Missing<T>[] = [];
  const expired: Item<T>[] = [];
  const { tags } = first.call.control;
  try {
    if (tags !== undefined) first.call.tags.prepare(tags);
    const found = await findMany(
      engine,
      items.map((item) => item.call),
      options.decode,
    );
    for (const [index, item] of items.entries()) {
      const result = found[index] ?? { reason: "absent" };
      const isHit = "hit" in result;
      const serve = isHit ? result : staleOf(item.call, item.flight, result);
      if (serve === undefined) {
        missing.push(Object.assign(item, { reason: (result as { reason: MissReason }).reason }));
        continue;
      }
      item.flight.settle({ type: "hit", hit: serve.hit });
      engine.flights.close(item.flight);
      item.outcome = isHit ? served(engine, item.call, serve) : servedStale(engine, item.call, serve);
      if (!isHit) expired.push(item);
    }
    const [lacking] = missing;
    if (lacking?.call.control.onlyIfCached === true) throw engine.missing(lacking.call, lacking.reason);
  } catch (error) {
    for (const item of items) fail(engine, item, error);
    throw error;
  }
  refreshExpired(engine, expired, produce, options, maxBatch);
  await inChunks(missing, maxBatch, (chunk) => ask(engine, chunk, produce, options));
}

/** Asks again, in the background, for the expired answers that were served. */
function refreshExpired<T>(
  engine: Engine,
  expired: readonly Item<T>[],
  produce: Produce<T>,
  options: ManyOptions<T>,
  maxBatch: number,
): void {
  const byId = new Map(expired.map((item) => [item.call.key.id, item] as const));
  const runs = refreshMany(
    engine,
    expired.map((item) => item.call),
  );
  if (runs.length === 0) return;
  const items = runs.map(({ call, flight }) => ({
    ...(byId.get(call.key.id) as Item<T>),
    call,
    flight,
    reason: "refresh" as const,
  }));
  const end = (): void => {
    for (const run of runs) run.end();
  };
  const asked = inChunks(items, maxBatch, (chunk) => ask(engine, chunk, produce, { ...options, signal: undefined }));
  // Told by events; who was served the expired answers has those. A provider that does not heed its signal is not waited for.
  const left = allAborted(runs.map(({ flight }) => flight.signal));
  engine.inBackground(untilAborted(asked, left, () => undefined).then(end, end));
}

function fail<T>(engine: Engine, item: Item<T>, error: unknown): void {
  if (item.flight.isSettled) return;
  giveUp(item.call, item.flight, error);
  engine.flights.close(item.flight);
}

async function ask<T>(
  engine: Engine,
  chunk: readonly Missing<T>[],
  produce: Produce<T>,
  options: ManyOptions<T>,
): Promise<void> {
  const [first] = chunk;
  if (first === undefined) return;
  const signal = allAborted(chunk.map((item) => item.flight.signal));
  const generations = await generationsFor(engine, first.call);
  const askings = chunk.map((item) => beginAsking(engine, item.call, signal, generations));
  const run: Run = {
    signal,
    // What the chunk took is on one account, unless it is dealt out, so that sums are right; the model is everybody's.
    note: (info, item) => {
      if (item === undefined) {
        askings.forEach((asking, index) => asking.run.note(index === 0 ? info : { model: info.model }));
      } else askings[item]?.run.note(info);
    },
  };
  let values: readonly T[];
  try {
    signal.throwIfAborted();
    const positions = chunk.map((item) => item.positions[0] as number);
    values = await insideOf(
      chunk.map((item) => item.flight.token),
      () => produce(positions, run),
    );
    checkCount(values, chunk.length);
  } catch (error) {
    for (const [index, item] of chunk.entries()) {
      failedAnswer(engine, item.call, item.flight, askings[index] as Asking, item.reason, error, index === 0);
      fail(engine, item, error);
    }
    // Nobody waits for a refresh.
    await Promise.all(
      chunk
        .filter(({ reason }) => reason !== "refresh")
        .map(async (item) => {
          item.outcome = await insteadOf(engine, item.call, item.flight, error, options.decode);
        }),
    );
    return;
  }
  const kept: KeptAnswer[] = [];
  const failing: Missing<T>[] = [];
  for (const [index, item] of chunk.entries()) {
    const { call, flight, reason } = item;
    const value = values[index] as T;
    const verdict = verdictOn(engine, call, value, options.judge);
    const body = encoded(engine, call, value, options.encode);
    const { head, stored } = complete(engine, call, flight, askings[index] as Asking, reason, { verdict, body });
    if (stored && body !== undefined) kept.push({ flight, entry: { ...head, body } });
    const own = body === undefined ? undefined : decoded(engine, call, body, head, options.decode);
    item.outcome = answered(engine, call, flight, own !== undefined && "value" in own ? own.value : value);
    if (verdict === "fail" && reason !== "refresh") failing.push(item);
  }
  keep(engine, first.call, kept);
  await Promise.all(
    failing.map(async (item) => {
      item.outcome = (await staleOutcome(engine, item.call, options.decode)) ?? (item.outcome as Outcome<T>);
    }),
  );
}

/** The outcome of each position. Equal items get a private copy each; what cannot be copied is the same in all of them. */
async function inOrder<T>(
  engine: Engine,
  calls: readonly Call[],
  items: readonly Item<T>[],
  options: ManyOptions<T>,
): Promise<readonly Outcome<T>[]> {
  const outcomes: Outcome<T>[] = [];
  for (const { positions, outcome, flight } of items) {
    for (const [index, position] of positions.entries()) {
      const call = calls[position] as Call;
      const again = index === 0 ? outcome : await repeated(engine, call, flight, options);
      outcomes[position] = (again ?? outcome) as Outcome<T>;
    }
  }
  return outcomes;
}

/** What served an equal item serves this one: it is not judged anew, an instant later. */
async function repeated<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  { decode }: ManyOptions<T>,
): Promise<Outcome<T> | undefined> {
  let end: FlightEnd;
  try {
    end = await flight.join(undefined);
  } catch {
    return staleOutcome(engine, call, decode);
  }
  if (end.type !== "hit") return fromEnd(engine, call, flight, end, decode);
  const usable = decoded(engine, call, end.hit.entry.body, end.hit.entry, decode);
  if ("reason" in usable) return undefined;
  const found = { hit: end.hit, value: usable.value };
  return staleness(end.hit.entry, call.control, call.settings.clock()) === "expired" &&
    call.control.staleWhileRevalidateMs > 0
    ? servedStale(engine, call, found)
    : served(engine, call, found);
}

function checkCount(values: readonly unknown[], wanted: number): void {
  const given = Array.isArray(values) ? values.length : undefined;
  if (given === wanted) return;
  throw new LLMCacheError(
    "ERR_LLMCACHE_COUNT",
    `produce was asked for ${wanted} items and gave ${given ?? "no list"}; nothing of them was stored.`,
  );
}

/** Runs `work` on chunks of the list, several at a time; all are waited for before the first failure is thrown. */
async function inChunks<I>(
  items: readonly I[],
  size: number,
  work: (chunk: readonly I[]) => Promise<void>,
): Promise<void> {
  const chunks = evenChunks(items, size);
  const failures: unknown[] = [];
  const next = async (): Promise<void> => {
    for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) {
      try {
        await work(chunk);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_CHUNKS, chunks.length) }, next));
  if (failures.length > 0) throw failures[0];
}

/** As few chunks as the size allows, as even as they can be: 37 in chunks of 10 are 10, 9, 9 and 9. */
function evenChunks<I>(items: readonly I[], size: number): (readonly I[])[] {
  const count = Math.ceil(items.length / Math.min(size, items.length));
  const chunks: (readonly I[])[] = [];
  for (let from = 0; from < items.length;) {
    const length = Math.ceil((items.length - from) / (count - chunks.length));
    chunks.push(items.slice(from, from + length));
    from += length;
  }
  return chunks;
}

/** A signal that is aborted when all of the given ones are, which live no longer than it does. */
function allAborted(signals: readonly AbortSignal[]): AbortSignal {
  const controller = new AbortController();
  const check = (): void => {
    const last = signals.find((signal) => signal.aborted);
    if (last !== undefined && signals.every((signal) => signal.aborted)) controller.abort(last.reason);
  };
  for (const signal of signals) signal.addEventListener("abort", check, { once: true });
  check();
  return controller.signal;
}
