import type { Outcome, Run, StreamOptions } from "./answer-cache.ts";
import type { Call, Decode, Engine } from "./engine.ts";
import type { MissReason } from "./events.ts";
import { LLMCacheError } from "./errors.ts";
import { untilAborted, type Flight, type Leave } from "./flight.ts";
import type { CacheRequest } from "./key.ts";
import { insideOf } from "./producing.ts";
import { StreamLog } from "./stream-log.ts";
import { fromEnd, giveUp, mayJoinAgain, runningFor } from "./through.ts";

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
    return chunks === undefined ? undefined : replay(chunks, signal);
  };
  let joinable = engine.mayJoin(call);
  for (let joins = 0; joinable; joins++) {
    const running = runningFor(engine, call);
    if (running === undefined) break;
    const leave = running.enter();
    await untilAborted(running.started(), signal, leave);
    const { log } = running;
    if (log !== undefined && !log.isWhole) {
      // Its beginning is gone, or was never fit for sharing; so its end will be: nothing to wait for.
      leave(undefined);
      break;
    }
    if (log !== undefined && running.chunkType === (options.chunkType ?? "")) {
      return engine.joinedLive(call, running, (log as StreamLog<C>).read(leave, signal));
    }
    const end = await running.join(signal, leave);
    const outcome = fromEnd(engine, call, running, end, { decode });
    if (outcome !== undefined) return outcome;
    joinable = mayJoinAgain(end, joins);
  }

  const flight = engine.flights.open(call.key.id, joinable);
  const leave = flight.enter();
  return untilAborted(lead(engine, call, flight, leave, produce, options, decode), signal, leave);
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
  return engine.bypassed(call, untouched);
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
    const found = await engine.find(call, decode);
    if ("hit" in found) {
      flight.settle({ type: "hit", hit: found.hit });
      engine.flights.close(flight);
      return engine.served(call, found.value, found.hit);
    }
    if (call.control.onlyIfCached) throw engine.missing(call, found.reason);
    flight.signal.throwIfAborted();
    const log = new StreamLog<C>({
      maxBytes: call.settings.maxStreamBytes,
      readerTimeoutMs: call.settings.readerTimeoutMs,
      keep: engine.mayJoin(call) || engine.stores(call, flight),
      onUnjoinable: () => engine.flights.unlist(flight),
      participants: () => flight.participants,
    });
    // The reader takes over the leader's participation.
    const reader = log.read(leave, options.signal);
    void insideOf([flight.token], () => pump(engine, call, flight, log, found.reason, produce, options));
    return engine.answered(call, flight, reader);
  } catch (error) {
    giveUp(call, flight, error);
    engine.flights.close(flight);
    throw error;
  }
}

/** Reads the provider into the log, as fast as the slowest reader takes, and stores what ended well. Never rejects. */
async function pump<C>(
  engine: Engine,
  call: Call,
  flight: Flight,
  log: StreamLog<C>,
  reason: MissReason,
  produce: (run: Run) => AsyncIterable<C>,
  options: StreamOptions<C>,
): Promise<void> {
  const asking = engine.ask(call, flight.signal);
  // Runs in the same turn as the last chunk is logged: whoever reads it and leaves finds the run over.
  const complete = (): void => {
    const { chunks } = log;
    if (log.isForeign) engine.failed(call, "encode", foreignChunks());
    const verdict = chunks === undefined ? "pass" : engine.verdict(call, chunks, options.judge);
    const body = chunks === undefined ? undefined : engine.encode(call, chunks, options.encode);
    const stored = body !== undefined && verdict === "store" && engine.stores(call, flight);
    const head = body === undefined ? undefined : engine.head(call, asking);
    engine.asked(call, asking, reason, verdict === "fail" ? "failed" : stored ? "stored" : "not-stored");
    flight.settle(body === undefined || head === undefined ? { type: "unshared" } : { type: "produced", body, head });
    if (stored && head !== undefined) engine.keep(call, flight, { ...head, body });
    else engine.flights.close(flight);
    log.finish();
  };
  try {
    const started = (): void => flight.start(log, options.chunkType ?? "");
    await fill(log, produce(asking.run), flight.signal, options.isLast, started, complete);
  } catch (error) {
    const { aborted } = flight.signal;
    engine.asked(call, asking, reason, aborted ? "aborted" : "failed");
    if (!aborted) engine.failed(call, "produce", error);
    giveUp(call, flight, error);
    engine.flights.close(flight);
    log.fail(error);
  } finally {
    log.close();
  }
}

/** Ends with the source, or with the signal: then the source is told to end and not waited for. */
async function fill<C>(
  log: StreamLog<C>,
  source: AsyncIterable<C>,
  signal: AbortSignal,
  isLast: ((chunk: C) => boolean) | undefined,
  started: () => void,
  complete: () => void,
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
      if (next.done === true) return complete();
      const ends = isLast?.(next.value) === true;
      const isFirst = log.end === 0;
      log.push(next.value);
      if (isFirst) started();
      if (!ends) continue;
      complete();
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
