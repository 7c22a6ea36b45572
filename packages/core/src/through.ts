import type { CallOptions, Outcome, Run } from "./answer-cache.ts";
import { beginAsking, complete, encoded, failedAnswer, verdictOn } from "./asking.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import { untilAborted, type Flight, type FlightEnd } from "./flight.ts";
import type { CacheRequest } from "./key.ts";
import { insteadOf, lookFirst, refresh, staleOutcome, type Task } from "./leading.ts";
import { decoded, find, isOvertaken, judge, type Decode } from "./lookup.ts";
import { answered, bypassed, joined, served, servedStale } from "./outcome.ts";
import { insideOf, isInside } from "./producing.ts";
import { keep } from "./writing.ts";

/** How often a call may find that the run it joined does not serve it, before it goes alone. */
const MAX_JOINS = 3;

/** One value: join a run, or lead one of your own: read, ask, write. */
export async function through<T>(
  engine: Engine,
  request: CacheRequest,
  produce: (run: Run) => Promise<T>,
  options: CallOptions<T>,
): Promise<Outcome<T>> {
  const { signal, decode } = options;
  signal?.throwIfAborted();
  const call = engine.begin(request, options);
  if (call.bypass !== undefined) return pass(engine, call, produce);

  let joinable = engine.mayJoin(call);
  for (let joins = 0; joinable; joins++) {
    const running = runningFor(engine, call);
    if (running === undefined) break;
    if (needNotWait(call, running)) {
      const meanwhile = await meanwhileServed(engine, call, decode);
      if (meanwhile !== undefined) return meanwhile;
    }
    let end: FlightEnd;
    try {
      end = await running.join(signal);
    } catch (error) {
      return insteadOf(engine, call, running, error, decode);
    }
    const outcome = await fromEnd(engine, call, running, end, decode);
    if (outcome !== undefined) return outcome;
    // What is shared there cannot serve this call: it goes on by itself.
    joinable = mayJoinAgain(end, joins);
  }

  const flight = engine.flights.open(call.key.id, joinable, call.control.tags);
  const leave = flight.enter();
  try {
    return await untilAborted(lead(engine, call, flight, produce, options), signal, leave);
  } catch (error) {
    return insteadOf(engine, call, flight, error, decode);
  }
}

/** The run that this call may join: not one that it is a part of, which would wait for itself. */
export function runningFor(engine: Engine, call: Call): Flight | undefined {
  const running = engine.flights.get(call.key.id);
  return running === undefined || isInside(running.token) ? undefined : running;
}

/** After a run that could not serve: may the next one be joined, or led for others? */
export function mayJoinAgain(end: FlightEnd, joins: number): boolean {
  return joins < MAX_JOINS && (end.type === "hit" || end.type === "abandoned");
}

/** Is an answer being refreshed that the call would take as it is? */
export function needNotWait(call: Call, running: Flight): boolean {
  return running.isRefresh && call.control.staleWhileRevalidateMs > 0;
}

/** What serves a call while the answer is being refreshed. */
export async function meanwhileServed<T>(
  engine: Engine,
  call: Call,
  decode: Decode<T> | undefined,
): Promise<Outcome<T> | undefined> {
  const found = await find(engine, engine.afresh(call), decode);
  if ("hit" in found) return served(engine, call, found);
  return found.stale && servedStale(engine, call, found.stale);
}

/** Past the cache, with nothing but an account of it. */
async function pass<T>(engine: Engine, call: Call, produce: (run: Run) => Promise<T>): Promise<Outcome<T>> {
  engine.countBypass(call);
  const value = await produce({ signal: call.signal ?? new AbortController().signal, note: () => undefined });
  return bypassed(engine, call, value);
}

/** What the end of a run is to somebody who joined it; `undefined`: nothing. */
export async function fromEnd<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  end: FlightEnd,
  decode: Decode<T> | undefined,
): Promise<Outcome<T> | undefined> {
  switch (end.type) {
    case "hit": {
      const judged = judge(engine, call, end.hit, decode);
      if ("reason" in judged || (await isOvertaken(engine, call, end.hit.entry.tags))) return undefined;
      const found = { hit: end.hit, value: judged.value };
      return judged.isStale === true ? servedStale(engine, call, found) : served(engine, call, found);
    }
    case "produced": {
      const instead = end.hasFailed ? await staleOutcome(engine, call, decode) : undefined;
      if (instead !== undefined) return instead;
      if (await isOvertaken(engine, call, end.head.tags)) return undefined;
      const usable = decoded(engine, call, end.body, end.head, decode);
      return "value" in usable ? joined(engine, call, flight, usable.value, end.head) : undefined;
    }
    case "unshared":
    case "abandoned":
      return undefined;
    default:
      return end satisfies never;
  }
}

async function lead<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  produce: (run: Run) => Promise<T>,
  options: CallOptions<T>,
): Promise<Outcome<T>> {
  try {
    const led = await lookFirst(engine, call, flight, options.decode);
    if (!("outcome" in led)) return await ask(engine, call, flight, led, produce, options);
    if (led.isStale)
      refresh(engine, call, (own, itsFlight, task) => ask(engine, own, itsFlight, task, produce, options));
    return led.outcome;
  } catch (error) {
    giveUp(call, flight, error);
    engine.flights.close(flight);
    throw error;
  }
}

/** A failure reaches all who wait; but one that the leader caused by going away is nobody else's. */
export function giveUp(call: Call, flight: Flight, error: unknown): void {
  if (call.signal?.aborted === true && flight.participants > 0) flight.settle({ type: "abandoned" });
  else flight.fail(error);
}

async function ask<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  { reason, generations }: Task,
  produce: (run: Run) => Promise<T>,
  options: CallOptions<T>,
): Promise<Outcome<T>> {
  let value: T;
  try {
    flight.signal.throwIfAborted();
    const asking = beginAsking(engine, call, flight.signal, generations);
    try {
      value = await insideOf([flight.token], () => produce(asking.run));
    } catch (error) {
      failedAnswer(engine, call, flight, asking, reason, error);
      throw error;
    }
    const verdict = verdictOn(engine, call, value, options.judge);
    const body = encoded(engine, call, value, options.encode);
    const { head, stored } = complete(engine, call, flight, asking, reason, { verdict, body });
    if (stored && body !== undefined) keep(engine, call, [{ flight, entry: { ...head, body } }]);
    flight.lease?.end({ stored, written: flight.written });
    // Nobody waits for a refresh.
    const instead =
      verdict === "fail" && reason !== "refresh" ? await staleOutcome(engine, call, options.decode) : undefined;
    if (instead !== undefined) return instead;
    const own = body === undefined ? undefined : decoded(engine, call, body, head, options.decode);
    return answered(engine, call, flight, own !== undefined && "value" in own ? own.value : value);
  } finally {
    // No more than once: only a failure has not ended it yet.
    flight.lease?.end({ stored: false });
  }
}
