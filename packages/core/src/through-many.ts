import type { ManyOptions, Outcome, Run } from "./answer-cache.ts";
import { beginAsking, complete, encoded, failedAnswer, generationsFor, verdictOn, type Asking } from "./asking.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import { LLMCacheError } from "./errors.ts";
import type { MissReason } from "./events.ts";
import { untilAborted, type Flight, type FlightEnd, type Leave } from "./flight.ts";
import { staleness } from "./freshness.ts";
import type { CacheRequest } from "./key.ts";
import { insteadOf, refreshMany, staleOutcome } from "./leading.ts";
import { decoded, findMany, type Found, type Served } from "./lookup.ts";
import { answered, bypassed, served, servedStale } from "./outcome.ts";
import { insideOf } from "./producing.ts";
import { fromEnd, giveUp, mayJoinAgain, needNotWait, runningFor } from "./through.ts";
import { keep, stores, type KeptAnswer } from "./writing.ts";

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
  const calls = requests.map((request) => engine.begin(request, options, tags));
  if (calls.some((call) => call.bypass !== undefined)) return passMany(engine, calls, produce, maxBatch);

  const items = open<T>(engine, calls);
  const own = items.filter((item) => item.isOwn);
  const others = items.filter((item) => !item.isOwn);
  try {
    const ends = others.map((item) => item.flight.join(options.signal, item.leave));
    for (const end of ends) end.catch(() => undefined);
    await untilAborted(fly(engine, own, produce, options, maxBatch), options.signal, leaveAll(own));
    const alone: Item<T>[] = [];
    for (const [index, item] of others.entries()) {
      let end: FlightEnd;
      try {
        end = await (ends[index] as Promise<FlightEnd>);
      } catch (error) {
        item.outcome = await insteadOf(engine, item.call, item.flight, error, options.decode);
        continue;
      }
      const outcome = await fromEnd(engine, item.call, item.flight, end, options.decode);
      // A run that could not serve us: we ask for ourselves.
      if (outcome === undefined) alone.push({ ...item, ...ownFlight(engine, item.call, mayJoinAgain(end, 0)) });
      else item.outcome = outcome;
    }
    await untilAborted(fly(engine, alone, produce, options, maxBatch), options.signal, leaveAll(alone));
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

/** The caller's abort is one participant's leaving in each of his runs. */
function leaveAll<T>(items: readonly Item<T>[]): Leave {
  return (reason) => {
    for (const item of items) item.leave(reason);
  };
}

function ownFlight(engine: Engine, call: Call, joinable: boolean): Pick<Item<unknown>, "flight" | "isOwn" | "leave"> {
  const flight = engine.flights.open(call.key.id, joinable, call.control.tags);
  return { flight, isOwn: true, leave: flight.enter() };
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
    const found = joinable ? runningFor(engine, call) : undefined;
    // A refresh is not waited for by who takes an expired answer in the meantime.
    const running = found !== undefined && needNotWait(call, found) ? undefined : found;
    const flight =
      running === undefined
        ? ownFlight(engine, call, joinable)
        : { flight: running, isOwn: false, leave: running.enter() };
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
      const serve = isHit ? result : staleOf(item, result);
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
  const again = refreshMany(
    engine,
    expired.map((item) => item.call),
  );
  if (again.length > 0) {
    const stale = expired.flatMap((item) => {
      const own = again.find(({ call }) => call.key.id === item.call.key.id);
      return own === undefined ? [] : [{ ...item, ...own, reason: "refresh" as const }];
    });
    const asked = inChunks(stale, maxBatch, (chunk) => ask(engine, chunk, produce, { ...options, signal: undefined }));
    // Told by events; who was served the expired answers has those.
    engine.inBackground(asked.catch(() => undefined));
  }
  await inChunks(missing, maxBatch, (chunk) => ask(engine, chunk, produce, options));
}

/** An expired answer is served where it can be refreshed, or nobody may be asked. */
function staleOf<T>({ call, flight }: Item<T>, found: Found<T>): Served<T> | undefined {
  if ("hit" in found) return found;
  return call.control.onlyIfCached || stores(call, flight) ? found.stale : undefined;
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
    // What the chunk took is on one account, so that sums are right; the model is everybody's.
    note: (info) => askings.forEach((asking, index) => asking.run.note(index === 0 ? info : { model: info.model })),
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
    await Promise.all(
      chunk.map(async (item) => {
        item.outcome = await insteadOf(engine, item.call, item.flight, error, options.decode);
      }),
    );
    return;
  }
  const kept: KeptAnswer[] = [];
  for (const [index, item] of chunk.entries()) {
    const { call, flight, reason } = item;
    const value = values[index] as T;
    const verdict = verdictOn(engine, call, value, options.judge);
    const body = encoded(engine, call, value, options.encode);
    const { head, stored } = complete(engine, call, flight, askings[index] as Asking, reason, { verdict, body });
    if (stored && body !== undefined) kept.push({ flight, entry: { ...head, body } });
    const own = body === undefined ? undefined : decoded(engine, call, body, head, options.decode);
    const instead = verdict === "fail" ? await staleOutcome(engine, call, options.decode) : undefined;
    item.outcome = instead ?? answered(engine, call, flight, own !== undefined && "value" in own ? own.value : value);
  }
  keep(engine, first.call, kept);
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
  } catch (error) {
    return insteadOf(engine, call, flight, error, decode);
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
  const chunks: (readonly I[])[] = [];
  for (let from = 0; from < items.length; from += size)
    chunks.push(items.slice(from, Math.min(items.length, from + size)));
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
