import type { ManyOptions, Outcome, Run } from "./answer-cache.ts";
import type { Call, Engine } from "./engine.ts";
import { LLMCacheError } from "./errors.ts";
import type { MissReason } from "./events.ts";
import { untilAborted, type Flight, type FlightEnd, type Leave } from "./flight.ts";
import type { CacheRequest } from "./key.ts";
import { insideOf } from "./producing.ts";
import { fromEnd, giveUp, mayJoinAgain, runningFor } from "./through.ts";

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
  const calls = requests.map((request) => engine.begin(request, options));
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
      const end = await (ends[index] as Promise<FlightEnd>);
      const outcome = fromEnd(engine, item.call, item.flight, end, options);
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
  const flight = engine.flights.open(call.key.id, joinable);
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
      outcomes[position] = engine.bypassed(calls[position] as Call, values[index] as T);
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
  if (items.length === 0) return;
  const missing: Missing<T>[] = [];
  try {
    const found = await engine.findMany(
      items.map((item) => item.call),
      options.decode,
    );
    for (const [index, item] of items.entries()) {
      const result = found[index];
      if (result !== undefined && "hit" in result) {
        item.flight.settle({ type: "hit", hit: result.hit });
        engine.flights.close(item.flight);
        item.outcome = engine.served(item.call, result.value, result.hit);
      } else missing.push(Object.assign(item, { reason: result?.reason ?? ("absent" as const) }));
    }
    const [first] = missing;
    if (first?.call.control.onlyIfCached === true) throw engine.missing(first.call, first.reason);
  } catch (error) {
    for (const item of items) fail(engine, item, error);
    throw error;
  }
  await inChunks(missing, maxBatch, (chunk) => ask(engine, chunk, produce, options));
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
  const signal = allAborted(chunk.map((item) => item.flight.signal));
  const askings = chunk.map((item) => engine.ask(item.call, signal));
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
    const { aborted } = signal;
    chunk.forEach((item, index) => {
      engine.asked(item.call, askings[index] as (typeof askings)[number], item.reason, aborted ? "aborted" : "failed");
      fail(engine, item, error);
    });
    if (!aborted) engine.failed(chunk[0]?.call, "produce", error);
    throw error;
  }
  const kept: Parameters<Engine["keepMany"]>[1][number][] = [];
  for (const [index, item] of chunk.entries()) {
    const asking = askings[index] as (typeof askings)[number];
    const { call, flight, reason } = item;
    const value = values[index] as T;
    const verdict = engine.verdict(call, value, options.judge);
    const body = engine.encode(call, value, options.encode);
    const head = engine.head(call, asking);
    const stored = body !== undefined && verdict === "store" && engine.stores(call, flight);
    engine.asked(call, asking, reason, verdict === "fail" ? "failed" : stored ? "stored" : "not-stored");
    flight.settle(body === undefined ? { type: "unshared" } : { type: "produced", body, head });
    if (stored) kept.push({ flight, entry: { ...head, body } });
    else engine.flights.close(flight);
    const own = body === undefined ? undefined : engine.decode(call, body, head, options.decode);
    item.outcome = engine.answered(call, flight, own !== undefined && "value" in own ? own.value : value);
  }
  if (chunk[0] !== undefined) engine.keepMany(chunk[0].call, kept);
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
      const again = index === 0 ? outcome : repeated(engine, call, flight, await flight.join(undefined), options);
      outcomes[position] = (again ?? outcome) as Outcome<T>;
    }
  }
  return outcomes;
}

/** What served an equal item serves this one: it is not judged anew, an instant later. */
function repeated<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  end: FlightEnd,
  options: ManyOptions<T>,
): Outcome<T> | undefined {
  if (end.type !== "hit") return fromEnd(engine, call, flight, end, options);
  const decoded = engine.decode(call, end.hit.entry.body, end.hit.entry, options.decode);
  return "value" in decoded ? engine.served(call, decoded.value, end.hit) : undefined;
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
