import { LLMCacheError } from "./errors.ts";
import { copyJson, estimateSize } from "./json.ts";

/** What a log needs to know about the run it belongs to. */
export interface StreamLogOptions {
  /** Above this many bytes the run is neither stored nor joinable any more. */
  readonly maxBytes: number;
  /** Ms after which a reader who takes nothing is let go, if others are waiting because of him. */
  readonly readerTimeoutMs: number;
  /** Keep the chunks: for storing, and for those who join later. */
  readonly keep: boolean;
  /** The run may not be joined any more: its beginning is gone, or nobody has taken anything for too long. */
  readonly onUnjoinable: () => void;
  /** How many wait for the run, readers included: also those who want only its end. */
  readonly participants: () => number;
}

/** The provider may be this many chunks ahead of the slowest reader. */
const LEAD_CHUNKS = 16;

/**
 * The chunks of one run, in order: each reader goes at his own pace, late ones get the beginning first. The provider is read
 * as fast as the slowest reader takes. No reader shares a chunk with another or with the log.
 */
export class StreamLog<C> {
  readonly #options: StreamLogOptions;
  readonly #readers: Set<StreamReader<C>> = new Set<StreamReader<C>>();
  #chunks: C[] = [];
  /** Index of the first chunk that is kept. */
  #first = 0;
  #bytes = 0;
  #keep: boolean;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #changed: PromiseWithResolvers<void> | undefined;
  #wanted: PromiseWithResolvers<void> | undefined;
  #patience: NodeJS.Timeout | undefined;
  #closed = false;
  /** Set once a chunk came that can neither be kept nor shared. */
  #isForeign = false;

  constructor(options: StreamLogOptions) {
    this.#options = options;
    this.#keep = options.keep;
  }

  /** Is everything from the first chunk on still here? */
  get isWhole(): boolean {
    return this.#first === 0 && this.#keep;
  }

  /** Was there a chunk that is neither JSON nor bytes? */
  get isForeign(): boolean {
    return this.#isForeign;
  }

  /** Index behind the last chunk. */
  get end(): number {
    return this.#first + this.#chunks.length;
  }

  /** How many chunks are held. */
  get held(): number {
    return this.#chunks.length;
  }

  /** All chunks, for storing; `undefined` if they were too many. */
  get chunks(): readonly C[] | undefined {
    return this.isWhole ? this.#chunks : undefined;
  }

  /** A new reader, from the first chunk. `onLeave` is called once, when he has ended, failed or gone. */
  read(onLeave: (reason: unknown) => void, signal: AbortSignal | undefined): StreamReader<C> {
    const reader = new StreamReader<C>(this, onLeave, signal);
    this.#readers.add(reader);
    return reader;
  }

  push(chunk: C): void {
    const { kept, shareable } = keepsake(chunk);
    if (!shareable) {
      this.#isForeign = true;
      this.#stopKeeping();
    }
    this.#chunks.push(kept);
    if (this.#keep) {
      this.#bytes += estimateSize(kept);
      if (this.#bytes > this.#options.maxBytes) this.#stopKeeping();
    }
    if (!this.#keep) this.#drop();
    this.#wake();
  }

  finish(): void {
    this.#ended = true;
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  /** Resolves when the next chunk may be asked for. */
  async wanted(): Promise<void> {
    while (!this.#closed && !this.#mayPull()) {
      this.#wanted ??= Promise.withResolvers<void>();
      this.#watch();
      await this.#wanted.promise;
    }
    this.#calm();
  }

  /** The run is over or abandoned: no timer is left. */
  close(): void {
    this.#closed = true;
    this.#calm();
    this.#release();
  }

  /** Somebody waits who reads nothing: for the end. */
  awaited(): void {
    this.#watch();
  }

  /** @internal For readers: the chunk at `index`, the end, or nothing yet. */
  at(index: number): { readonly chunk: C } | "end" | undefined {
    if (index < this.end) return { chunk: this.#chunks[index - this.#first] as C };
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#ended ? "end" : undefined;
  }

  /** @internal For readers: resolves with the next change. */
  changed(): Promise<void> {
    this.#changed ??= Promise.withResolvers<void>();
    this.#watch();
    return this.#changed.promise;
  }

  /** @internal For readers: one has moved on. */
  moved(): void {
    if (!this.#keep) this.#drop();
    if (this.#wanted === undefined) return;
    if (this.#mayPull()) this.#release();
    else this.#watch();
  }

  /** @internal For readers: one has gone; he may be waiting for a chunk in another call. */
  gone(reader: StreamReader<C>): void {
    this.#readers.delete(reader);
    this.moved();
    this.#wake();
  }

  #wake(): void {
    const changed = this.#changed;
    this.#changed = undefined;
    changed?.resolve();
  }

  #release(): void {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    wanted?.resolve();
  }

  /** Without readers the run goes on at its own pace: somebody waits for its end, or it has been aborted. */
  #mayPull(): boolean {
    return this.#readers.size === 0 || this.end - this.#slowest() < LEAD_CHUNKS;
  }

  #slowest(): number {
    let slowest = Number.POSITIVE_INFINITY;
    for (const reader of this.#readers) slowest = Math.min(slowest, reader.position);
    return slowest;
  }

  /** Memory is no longer spent on the beginning: what all readers have taken goes. */
  #stopKeeping(): void {
    if (!this.#keep) return;
    this.#keep = false;
    this.#options.onUnjoinable();
    this.#drop();
  }

  #drop(): void {
    const taken = Math.min(this.#slowest(), this.end) - this.#first;
    if (taken <= 0) return;
    this.#chunks.splice(0, taken);
    this.#first += taken;
  }

  #calm(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  /** Somebody holds the provider up: those who do are looked at again after a while. */
  #watch(): void {
    if (this.#closed || this.#wanted === undefined || this.#patience !== undefined) return;
    const behind = [...this.#readers]
      .filter((reader) => this.#isBehind(reader))
      .map((reader) => ({ reader, position: reader.position }));
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      const idle = behind.filter(({ reader, position }) => this.#readers.has(reader) && reader.position === position);
      this.#loseOnesPatience(idle.map(({ reader }) => reader));
    }, this.#options.readerTimeoutMs);
    this.#patience.unref();
  }

  #isBehind(reader: StreamReader<C>): boolean {
    return this.end - reader.position >= LEAD_CHUNKS;
  }

  #loseOnesPatience(idle: readonly StreamReader<C>[]): void {
    if (idle.length === 0) return this.#watch();
    const othersWait =
      this.#options.participants() > this.#readers.size || [...this.#readers].some((reader) => reader.isWaiting);
    // Nobody but himself is kept waiting: he may take his time, but nobody should join him.
    if (!othersWait) return this.#options.onUnjoinable();
    for (const reader of idle) {
      reader.letGo(
        new LLMCacheError(
          "ERR_LLMCACHE_READER",
          `A reader of a shared stream took nothing for ${this.#options.readerTimeoutMs} ms while others were waiting, and was let go.`,
        ),
      );
    }
  }
}

/** One reader of a {@link StreamLog}: an async iterator that can be left at any time. */
export class StreamReader<C> implements AsyncIterableIterator<C> {
  /** Index of the next chunk. */
  position = 0;
  readonly #log: StreamLog<C>;
  readonly #onLeave: (reason: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  #over = false;
  #waiting = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #onAbort = (): void => this.letGo(this.#signal?.reason);

  constructor(log: StreamLog<C>, onLeave: (reason: unknown) => void, signal: AbortSignal | undefined) {
    this.#log = log;
    this.#onLeave = onLeave;
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted === true) queueMicrotask(this.#onAbort);
  }

  /** Has he taken everything that is there, and asked for more? */
  get isWaiting(): boolean {
    return this.#waiting > 0;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<C, undefined>> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (this.#over) return { done: true, value: undefined };
      const found = this.#take();
      if (found === "end") {
        this.#leave(undefined);
        return { done: true, value: undefined };
      }
      if (found !== undefined) return { done: false, value: found.chunk };
      this.#waiting++;
      await this.#log.changed();
      this.#waiting--;
    }
  }

  /** Leaves the stream: no further chunk is wanted. */
  async return(): Promise<IteratorResult<C, undefined>> {
    this.#leave(new DOMException("The reader left the stream.", "AbortError"));
    return { done: true, value: undefined };
  }

  /** Leaves the stream because of an error of the caller's. */
  async throw(error: unknown): Promise<never> {
    this.#leave(error);
    throw error;
  }

  /** Ends this reader with an error, at once. */
  letGo(error: unknown): void {
    if (this.#over) return;
    this.#failure = { error };
    this.#leave(error);
  }

  #take(): { readonly chunk: C } | "end" | undefined {
    try {
      const found = this.#log.at(this.position);
      if (found === undefined || found === "end") return found;
      this.position++;
      this.#log.moved();
      return { chunk: keepsake(found.chunk).kept };
    } catch (error) {
      this.#failure = { error };
      this.#leave(error);
      throw error;
    }
  }

  #leave(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#log.gone(this);
    this.#onLeave(reason);
  }
}

/** A private copy of a chunk, if it is bytes or JSON; otherwise the chunk itself, which then cannot be shared. */
function keepsake<C>(chunk: C): { readonly kept: C; readonly shareable: boolean } {
  try {
    if (chunk instanceof Uint8Array) return { kept: Uint8Array.prototype.slice.call(chunk) as C, shareable: true };
    return { kept: copyJson(chunk) as C, shareable: true };
  } catch {
    return { kept: chunk, shareable: false };
  }
}
