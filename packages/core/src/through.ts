import type { CallOptions, Outcome, Run } from "./answer-cache.ts";
import type { Call, Engine } from "./engine.ts";
import type { MissReason } from "./events.ts";
import { untilAborted, type Flight, type FlightEnd } from "./flight.ts";
import type { CacheRequest } from "./key.ts";
import { insideOf, isInside } from "./producing.ts";

/** How often a call may find that the run it joined does not serve it, before it goes alone. */
const MAX_JOINS = 3;

/** One value: join a run, or lead one of your own: read, ask, write. */
export async function through<T>(
  engine: Engine,
  request: CacheRequest,
  produce: (run: Run) => Promise<T>,
  options: CallOptions<T>,
): Promise<Outcome<T>> {
  const { signal } = options;
  signal?.throwIfAborted();
  const call = engine.begin(request, options);
  if (call.bypass !== undefined) return pass(engine, call, produce);

  let joinable = engine.mayJoin(call);
  for (let joins = 0; joinable; joins++) {
    const running = runningFor(engine, call);
    if (running === undefined) break;
    const end = await running.join(signal);
    const outcome = fromEnd(engine, call, running, end, options);
    if (outcome !== undefined) return outcome;
    // What is shared there cannot serve this call: it goes on by itself.
    joinable = mayJoinAgain(end, joins);
  }

  const flight = engine.flights.open(call.key.id, joinable);
  return untilAborted(lead(engine, call, flight, produce, options), signal, flight.enter());
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

/** Past the cache, with nothing but an account of it. */
export async function pass<T>(engine: Engine, call: Call, produce: (run: Run) => Promise<T>): Promise<Outcome<T>> {
  engine.countBypass(call);
  const value = await produce({ signal: call.signal ?? new AbortController().signal, note: () => undefined });
  return engine.bypassed(call, value);
}

/** What the end of a run is to somebody who joined it; `undefined`: nothing. */
export function fromEnd<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  end: FlightEnd,
  options: Pick<CallOptions<T>, "decode">,
): Outcome<T> | undefined {
  switch (end.type) {
    case "hit": {
      const judged = engine.judge(call, end.hit, options.decode);
      return "value" in judged ? engine.served(call, judged.value, end.hit) : undefined;
    }
    case "produced": {
      const decoded = engine.decode(call, end.body, end.head, options.decode);
      return "value" in decoded ? engine.joined(call, flight, decoded.value, end.head) : undefined;
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
    const found = await engine.find(call, options.decode);
    if ("hit" in found) {
      flight.settle({ type: "hit", hit: found.hit });
      engine.flights.close(flight);
      return engine.served(call, found.value, found.hit);
    }
    if (call.control.onlyIfCached) throw engine.missing(call, found.reason);
    return await ask(engine, call, flight, found.reason, produce, options);
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
  reason: MissReason,
  produce: (run: Run) => Promise<T>,
  options: CallOptions<T>,
): Promise<Outcome<T>> {
  flight.signal.throwIfAborted();
  const asking = engine.ask(call, flight.signal);
  let value: T;
  try {
    value = await insideOf([flight.token], () => produce(asking.run));
  } catch (error) {
    engine.asked(call, asking, reason, flight.signal.aborted ? "aborted" : "failed");
    if (!flight.signal.aborted) engine.failed(call, "produce", error);
    throw error;
  }
  const verdict = engine.verdict(call, value, options.judge);
  const body = engine.encode(call, value, options.encode);
  const head = engine.head(call, asking);
  const stored = body !== undefined && verdict === "store" && engine.stores(call, flight);
  engine.asked(call, asking, reason, verdict === "fail" ? "failed" : stored ? "stored" : "not-stored");
  if (body === undefined) {
    flight.settle({ type: "unshared" });
    engine.flights.close(flight);
    return engine.answered(call, flight, value);
  }
  flight.settle({ type: "produced", body, head });
  if (stored) engine.keep(call, flight, { ...head, body });
  else engine.flights.close(flight);
  const own = engine.decode(call, body, head, options.decode);
  return engine.answered(call, flight, "value" in own ? own.value : value);
}
