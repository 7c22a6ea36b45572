import { generationsFor, type Asking } from "./asking.ts";
import type { Outcome } from "./answer-cache.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import type { MissReason } from "./events.ts";
import { untilAborted, type Flight } from "./flight.ts";
import { claim, Lease, take, wantsLease } from "./lease.ts";
import { find, findInstead, type Decode, type Found, type Served } from "./lookup.ts";
import { served, servedStale } from "./outcome.ts";
import { stores } from "./writing.ts";

/** A refresh that takes longer has failed: about as long as clients of providers wait by default. */
const MAX_REFRESH_MS = 600_000;

/** The provider is to be asked: why, and with what. */
export interface Task {
  readonly reason: MissReason;
  readonly generations: Asking["generations"];
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
  const { control } = call;
  if (control.tags !== undefined) call.tags.prepare(control.tags);
  let latest = call;
  let found = await find(engine, call, decode);
  if (!("hit" in found) && staleOf(call, flight, found) === undefined) {
    if (control.onlyIfCached) throw engine.missing(call, found.reason);
    if (found.reason !== "store-failure" && wantsLease(engine, call, flight)) {
      found = await claim(engine, call, flight, () => {
        // What is waited for is the answer to this very request: similar ones were looked for before.
        latest = { ...engine.afresh(call), key: { id: call.key.id } };
        return find(engine, latest, decode);
      });
    }
  }
  if ("hit" in found) {
    endWith(engine, flight, found);
    return { outcome: served(engine, call, found), isStale: false };
  }
  const stale = staleOf(call, flight, found);
  if (stale !== undefined) {
    endWith(engine, flight, stale);
    return { outcome: servedStale(engine, call, stale), isStale: true };
  }
  return { reason: found.reason, generations: await generationsFor(engine, latest) };
}

function endWith<T>(engine: Engine, flight: Flight, { hit }: Served<T>): void {
  flight.settle({ type: "hit", hit });
  engine.flights.close(flight);
}

/** An expired answer is served where it can be refreshed, or nobody may be asked. */
export function staleOf<T>(call: Call, flight: Flight, found: Found<T>): Served<T> | undefined {
  if ("hit" in found) return undefined;
  return call.control.onlyIfCached || stores(call, flight) ? found.stale : undefined;
}

/** A run in the background. */
export interface Refresh {
  readonly call: Call;
  readonly flight: Flight;
  /** The run is over. */
  readonly end: () => void;
}

/**
 * Asks again, in the background, for expired answers that were served; not for those that somebody is asking for already, here or
 * (where there are leases) elsewhere. `ask` gets calls that nobody aborts, and settles the flights.
 */
export function refresh(
  engine: Engine,
  call: Call,
  ask: (call: Call, flight: Flight, task: Task) => Promise<unknown>,
): void {
  for (const { call: own, flight, end } of refreshMany(engine, [call])) {
    engine.inBackground(
      // A provider that does not heed its signal is not waited for.
      untilAborted(refreshed(engine, own, flight, ask), flight.signal, () => undefined).then(end, end),
    );
  }
}

/**
 * Opens a run for each of these calls that nobody is asking for now. It ends when the expired answer may not be served any longer:
 * then those who ask must not wait for a run that may hang.
 */
export function refreshMany(engine: Engine, calls: readonly Call[]): readonly Refresh[] {
  return calls
    .filter((call) => !call.control.onlyIfCached && engine.flights.get(call.key.id) === undefined)
    .map((call) => {
      const flight = engine.flights.open(call.key.id, true, call.control.tags);
      flight.isRefresh = true;
      const leave = flight.enter();
      const giveUp = (): void =>
        leave(
          new DOMException("The refresh of an expired answer took too long, or the cache was disposed.", "AbortError"),
        );
      const timer = setTimeout(giveUp, Math.min(call.control.staleWhileRevalidateMs, MAX_REFRESH_MS));
      timer.unref();
      const over = engine.refreshing(giveUp);
      const end = (): void => {
        clearTimeout(timer);
        over();
      };
      return { call: { ...engine.afresh(call), signal: undefined }, flight, end };
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
    if (typeof lease === "object" && !(lease instanceof Lease)) {
      flight.settle({ type: "abandoned" });
      engine.flights.close(flight);
      return;
    }
    if (lease instanceof Lease) flight.lease = lease;
    const generations = await generationsFor(engine, call);
    await ask(call, flight, { reason: "refresh", generations });
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
  const isExcusable = flight.hasProviderFailed || isTimeout(call.signal);
  const outcome = isExcusable ? await staleOutcome(engine, call, decode) : undefined;
  if (outcome === undefined) throw error;
  return outcome;
}

/** An expired answer that the call takes if the provider fails, or one that is fresh by now, if there is one. */
export async function staleOutcome<T>(
  engine: Engine,
  call: Call,
  decode: Decode<T> | undefined,
): Promise<Outcome<T> | undefined> {
  const found = await findInstead(engine, call, decode);
  if (found === undefined) return undefined;
  if ("hit" in found) return served(engine, call, found);
  return found.stale && servedStale(engine, call, found.stale);
}

/** Was the caller's signal aborted because time was up, rather than because he has gone? */
function isTimeout(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true && (signal.reason as Error | undefined)?.name === "TimeoutError";
}
