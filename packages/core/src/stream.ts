import type { Outcome, Run, StreamOptions } from "./answer-cache.ts";
import { beginAsking, complete, encoded, failedAnswer, verdictOn } from "./asking.ts";
import type { Call } from "./call.ts";
import type { Engine } from "./engine.ts";
import { LLMCacheError } from "./errors.ts";
import { untilAborted, type Flight, type FlightEnd, type Leave } from "./flight.ts";
import type { CacheRequest } from "./key.ts";
import { insteadOf, lookFirst, refresh, staleOutcome, type Task } from "./leading.ts";
import { isOvertaken, type Decode } from "./lookup.ts";
import { answered, bypassed, joinedLive } from "./outcome.ts";
import { insideOf } from "./producing.ts";
import { StreamLog } from "./stream-log.ts";
import { fromEnd, giveUp, mayJoinAgain, meanwhileServed, needNotWait, runningFor } from "./through.ts";
import { keep, stores } from "./writing.ts";

/** A stream: read along with a run under way, or lead one of your own. */
export async function stream<C>(
  engine: Engine,
  request: CacheRequest,
  produce: (run: Run) => AsyncIterable<C>,
  options: StreamOptions<C>,
): Promise<Outcome<AsyncIterableIterator<C>>> {
  const { signal } = options;
  signal?.throwIfAborted();
  const call = engine.begin(request, options);
  if (call.bypass !== undefined) return pass(engine, call, produce);

  const decode: Decode<AsyncIterableIterator<C>> = (body, head) => {
    const chunks = options.decode(body, head);
    return chunks === undefined ? undefined : replay(chunks, signal?.aborted === true ? undefined : signal);
  };
  let joinable = engine.mayJoin(call);
  for (let joins = 0; joinable; joins++) {
    const running = runningFor(engine, call);
    if (running === undefined) break;
    if (needNotWait(call, running)) {
      const meanwhile = await meanwhileServed(engine, call, decode);
      if (meanwhile !== undefined) return meanwhile;
    }
    const leave = running.enter();
    let end: FlightEnd;
    try {
      await untilAborted(running.started(), signal, leave);
      const { log } = running;
      if (log !== undefined && !log.isWhole) {
        // Its beginning is gone, or was never fit for sharing; so its end will be: nothing to wait for.
        leave(undefined);
        break;
      }
      if (log !== undefined && running.chunkType === (options.chunkType ?? "")) {
        const live = await readLive(engine, call, running, log as StreamLog<C>, leave, options, decode);
        if (live !== undefined) return live;
        break;
      }
      end = await running.join(signal, leave);
    } catch (error) {
      return insteadOf(engine, call, running, error, decode);
    }
    const outcome = await fromEnd(engine, call, running, end, decode);
    if (outcome !== undefined) return outcome;
    joinable = mayJoinAgain(end, joins);
  }

  const flight = engine.flights.open(call.key.id, joinable, call.control.tags);
  const leave = flight.enter();
  try {
    return await untilAborted(lead(engine, call, flight, leave, produce, options, decode), signal, leave);
  } catch (error) {
    return insteadOf(engine, call, flight, error, decode);
  }
}

/** Reads along with a run, unless what it will give has been invalidated meanwhile, or an expired answer may do for a failure. */
async function readLive<C>(
  engine: Engine,
  call: Call,
  running: Flight,
  log: StreamLog<C>,
  leave: Leave,
  options: StreamOptions<C>,
  decode: Decode<AsyncIterableIterator<C>>,
): Promise<Outcome<AsyncIterableIterator<C>> | undefined> {
  const reader = log.read(leave, options.signal);
  const instead = beganWithFailure(call, log, options) ? await staleOutcome(engine, call, decode) : undefined;
  if (instead === undefined && !(await isOvertaken(engine, call, running.generations)))
    return joinedLive(engine, call, running, reader);
  await reader.return();
  return instead;
}

function beganWithFailure<C>(call: Call, log: StreamLog<C>, { isFailure }: StreamOptions<C>): boolean {
  if (call.control.staleIfErrorMs === 0 || isFailure === undefined) return false;
  const first = log.at(0);
  return typeof first === "object" && isFailure(first.chunk);
}

/** Past the cache; the run ends with the reader. */
function pass<C>(
  engine: Engine,
  call: Call,
  produce: (run: Run) => AsyncIterable<C>,
): Outcome<AsyncIterableIterator<C>> {
  engine.countBypass(call);
  const controller = new AbortController();
  const signal = call.signal === undefined ? controller.signal : AbortSignal.any([call.signal, controller.signal]);
  const iterator = produce({ signal, note: () => undefined })[Symbol.asyncIterator]();
  const leave = async (): Promise<IteratorResult<C, undefined>> => {
    controller.abort(new DOMException("The reader left the stream.", "AbortError"));
    // A source that throws because it was told to end has ended.
    await endSource(iterator);
    return { done: true, value: undefined };
  };
  const untouched: AsyncIterableIterator<C> = {
    next: () => iterator.next(),
    return: leave,
    throw: async (error: unknown) => {
      await leave();
      throw error;
    },
    [Symbol.asyncIterator]: () => untouched,
  };
  return bypassed(engine, call, untouched);
}

async function lead<C>(
  engine: Engine,
  call: Call,
  flight: Flight,
  leave: Leave,
  produce: (run: Run) => AsyncIterable<C>,
  options: StreamOptions<C>,
  decode: Decode<AsyncIterableIterator<C>>,
): Promise<Outcome<AsyncIterableIterator<C>>> {
  try {
    const led = await lookFirst(engine, call, flight, decode);
    if ("outcome" in led) {
      if (led.isStale) {
        refresh(engine, call, (own, itsFlight, task) =>
          insideOf([itsFlight.token], () =>
            pump(engine, own, itsFlight, newLog<C>(engine, own, itsFlight), task, produce, options),
          ),
        );
      }
      return led.outcome;
    }
    flight.signal.throwIfAborted();
    const log = newLog<C>(engine, call, flight);
    // The reader takes over the leader's participation.
    const reader = log.read(leave, options.signal);
    void insideOf([flight.token], () => pump(engine, call, flight, log, led, produce, options));
    const instead = await beforeFirst(engine, call, flight, log, decode);
    if (instead === undefined) return answered(engine, call, flight, reader);
    await reader.return();
    return instead;
  } catch (error) {
    giveUp(call, flight, error);
    engine.flights.close(flight);
    throw error;
  }
}

function newLog<C>(engine: Engine, call: Call, flight: Flight): StreamLog<C> {
  return new StreamLog<C>({
    maxBytes: call.settings.maxStreamBytes,
    readerTimeoutMs: call.settings.readerTimeoutMs,
    keep: engine.mayJoin(call) || stores(call, flight),
    onUnjoinable: () => {
      // A refresh stays known, or the next one who is served the expired answer would begin another.
      if (!flight.isRefresh) engine.flights.unlist(flight);
      flight.lease?.end({ stored: false });
    },
    participants: () => flight.participants,
  });
}

/** Where an expired answer may take the place of a failure: waits for the first chunk, or for what comes instead of it. */
async function beforeFirst<C>(
  engine: Engine,
  call: Call,
  flight: Flight,
  log: StreamLog<C>,
  decode: Decode<AsyncIterableIterator<C>>,
): Promise<Outcome<AsyncIterableIterator<C>> | undefined> {
  if (call.control.staleIfErrorMs === 0) return undefined;
  await flight.started();
  const hasFailed = flight.hasProviderFailed && log.end === 0;
  return hasFailed || flight.beganWithFailure ? staleOutcome(engine, call, decode) : undefined;
}

/** Reads the provider into the log, as fast as the slowest reader takes, and stores what ended well. Never rejects. */
async function pump<C>(
  engine: Engine,
  call: Call,
  flight: Flight,
  log: StreamLog<C>,
  { reason, generations }: Task,
  produce: (run: Run) => AsyncIterable<C>,
  options: StreamOptions<C>,
): Promise<void> {
  const asking = beginAsking(engine, call, flight.signal, generations);
  flight.generations = typeof generations === "object" ? generations : undefined;
  // Runs in the same turn as the last chunk is logged: whoever reads it and leaves finds the run over.
  const onEnd = (): void => {
    const { chunks } = log;
    if (log.isForeign) engine.failed(call, "encode", foreignChunks());
    const verdict = chunks === undefined ? "pass" : verdictOn(engine, call, chunks, options.judge);
    const body = chunks === undefined ? undefined : encoded(engine, call, chunks, options.encode);
    const { head, stored } = complete(engine, call, flight, asking, reason, { verdict, body });
    if (stored && body !== undefined) keep(engine, call, [{ flight, entry: { ...head, body } }]);
    flight.lease?.end({ stored, written: flight.written });
    log.finish();
  };
  const onFirst = (): void => {
    flight.beganWithFailure = beganWithFailure(call, log, options);
    flight.start(log, options.chunkType ?? "");
  };
  try {
    await fill(log, produce(asking.run), flight.signal, options.isLast, onFirst, onEnd);
  } catch (error) {
    failedAnswer(engine, call, flight, asking, reason, error);
    giveUp(call, flight, error);
    engine.flights.close(flight);
    log.fail(error);
  } finally {
    flight.lease?.end({ stored: false });
    log.close();
  }
}

/** Ends with the source, or with the signal: then the source is told to end and not waited for. */
async function fill<C>(
  log: StreamLog<C>,
  source: AsyncIterable<C>,
  signal: AbortSignal,
  isLast: ((chunk: C) => boolean) | undefined,
  onFirst: () => void,
  onEnd: () => void,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let interrupt: (() => void) | undefined;
  let hasFailed = false;
  const onAbort = (): void => {
    log.close();
    interrupt?.();
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      await log.wanted();
      signal.throwIfAborted();
      const next = await new Promise<IteratorResult<C>>((resolve, reject) => {
        interrupt = () => reject(signal.reason);
        iterator.next().then(resolve, (error: unknown) => {
          hasFailed = true;
          reject(error);
        });
      });
      if (next.done === true) return onEnd();
      const ends = isLast?.(next.value) === true;
      const isFirst = log.end === 0;
      log.push(next.value);
      if (isFirst) onFirst();
      if (!ends) continue;
      onEnd();
      // Nobody waits for that.
      void endSource(iterator);
      return;
    }
  } catch (error) {
    if (!hasFailed) void endSource(iterator);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Tells a source to end. Never rejects: its failure to end is its own. */
async function endSource(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // See above.
  }
}

function foreignChunks(): LLMCacheError {
  return new LLMCacheError(
    "ERR_LLMCACHE_VALUE",
    "A stream is stored and shared only if its chunks are JSON or bytes: let produce give such, and make others of them behind the cache.",
  );
}

/** The chunks of a stored answer, as fast as they are taken. */
async function* replay<C>(chunks: Iterable<C>, signal: AbortSignal | undefined): AsyncGenerator<C> {
  for (const chunk of chunks) {
    signal?.throwIfAborted();
    yield chunk;
  }
}
