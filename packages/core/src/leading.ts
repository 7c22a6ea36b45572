import { generationsFor, type Asking } from "./asking.ts";
import type { Outcome } from "./answer-cache.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import type { MissReason } from "./events.ts";
import type { Flight } from "./flight.ts";
import { claim, take, wantsLease, type Lease } from "./lease.ts";
import { find, findInstead, type Decode, type Found } from "./lookup.ts";
import { served, servedStale } from "./outcome.ts";
import { stores } from "./writing.ts";

/** The provider is to be asked: why, and with what. */
export interface Task {
  readonly reason: MissReason;
  readonly generations: Asking["generations"];
  readonly lease: Lease | undefined;
}

/** What whoever leads a run goes on with. */
export type Led<T> = { readonly outcome: Outcome<T>; readonly isStale: boolean } | Task;

/**
 * The leader of a run looks, and waits for other processes where there are leases. What is there settles the flight and ends it.
 *
 * Rejects with `ERR_LLMCACHE_MISS` if there is nothing and nobody may be asked.
 */
export async function lookFirst<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  decode: Decode<T> | undefined,
): Promise<Led<T>> {
  const look = (): Promise<Found<T>> => find(engine, call, decode);
  const { control } = call;
  if (control.tags !== undefined) call.tags.prepare(control.tags);
  let found = await look();
  let lease: Lease | undefined;
  const isMiss = !("hit" in found) && staleOf(call, flight, found) === undefined;
  if (isMiss && control.onlyIfCached) throw engine.missing(call, (found as { reason: MissReason }).reason);
  if (isMiss && (found as { reason: MissReason }).reason !== "store-failure" && wantsLease(engine, call, flight)) {
    ({ found, lease } = await claim(engine, call, flight.signal, look));
  }
  if ("hit" in found) {
    endWith(engine, flight, found.hit);
    return { outcome: served(engine, call, found), isStale: false };
  }
  const stale = staleOf(call, flight, found);
  if (stale !== undefined) {
    endWith(engine, flight, stale.hit);
    return { outcome: servedStale(engine, call, stale), isStale: true };
  }
  return { reason: found.reason, generations: await generationsFor(engine, call), lease };
}

function endWith<T>(engine: Engine, flight: Flight, hit: Extract<Found<T>, { hit: unknown }>["hit"]): void {
  flight.settle({ type: "hit", hit });
  engine.flights.close(flight);
}

/** An expired answer is served where it can be refreshed, or nobody may be asked. */
function staleOf<T>(call: Call, flight: Flight, found: Found<T>): Extract<Found<T>, { hit: unknown }> | undefined {
  if ("hit" in found) return undefined;
  return call.control.onlyIfCached || stores(call, flight) ? found.stale : undefined;
}

/**
 * Asks again, in the background, for an expired answer that was served; not if somebody is asking already, here or (where there are
 * leases) elsewhere. `ask` gets a call that nobody aborts, and settles its flight.
 */
export function refresh(
  engine: Engine,
  call: Call,
  ask: (call: Call, flight: Flight, task: Task) => Promise<unknown>,
): void {
  for (const own of refreshMany(engine, [call])) engine.inBackground(refreshed(engine, own.call, own.flight, ask));
}

/** Opens a run for each of these calls that nobody is asking for now: it belongs to nobody and is aborted by nobody. */
export function refreshMany(
  engine: Engine,
  calls: readonly Call[],
): readonly { readonly call: Call; readonly flight: Flight }[] {
  return calls
    .filter((call) => !call.control.onlyIfCached && engine.flights.get(call.key.id) === undefined)
    .map((call) => {
      const flight = engine.flights.open(call.key.id, true, call.control.tags);
      flight.isRefresh = true;
      flight.enter();
      return { call: { ...call, signal: undefined }, flight };
    });
}

async function refreshed(
  engine: Engine,
  call: Call,
  flight: Flight,
  ask: (call: Call, flight: Flight, task: Task) => Promise<unknown>,
): Promise<void> {
  try {
    const lease = wantsLease(engine, call, flight) ? await take(engine, call) : undefined;
    if (lease === "taken") {
      flight.settle({ type: "abandoned" });
      engine.flights.close(flight);
      return;
    }
    const generations = await generationsFor(engine, call);
    await ask(call, flight, { reason: "refresh", generations, lease: typeof lease === "object" ? lease : undefined });
  } catch (error) {
    // Told by an event; those who joined have it, and who was served the expired answer has that.
    flight.fail(error);
    engine.flights.close(flight);
  }
}

/**
 * A run failed: an expired answer in the place of its failure, where the call takes one and it was the provider that failed.
 *
 * Rejects with `error` otherwise.
 */
export async function insteadOf<T>(
  engine: Engine,
  call: Call,
  flight: Flight,
  error: unknown,
  decode: Decode<T> | undefined,
): Promise<Outcome<T>> {
  const outcome =
    flight.hasProviderFailed || isTimeout(call.signal) ? await staleOutcome(engine, call, decode) : undefined;
  if (outcome === undefined) throw error;
  return outcome;
}

/** An expired answer that the call takes if the provider fails, if there is one. */
export async function staleOutcome<T>(
  engine: Engine,
  call: Call,
  decode: Decode<T> | undefined,
): Promise<Outcome<T> | undefined> {
  const found = await findInstead(engine, call, decode);
  return found && servedStale(engine, call, found);
}

/** Was the caller's signal aborted because time was up, rather than because he has gone? */
function isTimeout(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && (signal.reason as Error | undefined)?.name === "TimeoutError";
}
