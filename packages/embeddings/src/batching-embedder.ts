import { AsyncLocalStorage } from "node:async_hooks";
import { LLMCacheError, type EmbedOptions } from "@llmcache/core";
import type { BatchSettings } from "./batch-options.ts";
import { embedderError } from "./embedder-error.ts";
import { VectorMemo } from "./memo.ts";
import type { BatchedEmbedder, TextModel } from "./text-model.ts";
import { checkedVectors } from "./vectors.ts";

/** What a timer can hold. */
const MOST_MS = 2 ** 31 - 1;

/** A text whose vector somebody is waiting for. */
interface Wanted {
  readonly text: string;
  readonly answer: PromiseWithResolvers<Float32Array>;
  /** How many calls wait for it; with none it is given up. */
  waiting: number;
  /** The request that asks for it; `undefined` while it is queued. */
  batch?: Batch;
}

/** A request under way. */
interface Batch {
  readonly controller: AbortController;
  /** Those of its texts that somebody still waits for. */
  readonly wanted: Set<Wanted>;
  readonly timer: NodeJS.Timeout;
}

/** What is done when a local model is to be loaded or closed. */
export interface Lifecycle {
  load(): Promise<void>;
  close(): Promise<void>;
}

/** The mechanism of `batched`: gathers texts into requests, asks for each once at a time, remembers what came. */
export class BatchingEmbedder implements BatchedEmbedder {
  readonly id: string;
  readonly #model: TextModel;
  readonly #settings: BatchSettings;
  readonly #lifecycle: Lifecycle | undefined;
  readonly #memo: VectorMemo;
  readonly #wanted: Map<string, Wanted> = new Map<string, Wanted>();
  readonly #queue: Set<Wanted> = new Set<Wanted>();
  readonly #running: Set<Batch> = new Set<Batch>();
  readonly #callers: Set<(error: Error) => void> = new Set<(error: Error) => void>();
  /** Set inside a request: a model that asks its own embedder would wait for itself. */
  readonly #inside: AsyncLocalStorage<boolean> = new AsyncLocalStorage<boolean>();
  readonly #stated: number | undefined;
  #learned: number | undefined;
  #window: (() => void) | undefined;
  #closed = false;

  constructor(model: TextModel, settings: BatchSettings, lifecycle?: Lifecycle) {
    this.id = model.id;
    this.#model = model;
    this.#stated = model.dimensions;
    this.#settings = settings;
    this.#lifecycle = lifecycle;
    this.#memo = new VectorMemo(settings.memoEntries, settings.memoBytes);
  }

  get dimensions(): number | undefined {
    return this.#stated ?? this.#learned;
  }

  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<readonly Float32Array[]> {
    const { signal } = options;
    this.#check(texts);
    signal?.throwIfAborted();
    const vectors = new Map<string, Float32Array>();
    const wanted = new Map<string, Wanted>();
    for (const text of texts) {
      if (vectors.has(text) || wanted.has(text)) continue;
      const known = this.#memo.get(text);
      if (known === undefined) wanted.set(text, this.#want(text));
      else vectors.set(text, known);
    }
    if (wanted.size > 0) {
      const answers = await this.#waitFor([...wanted.values()], signal);
      for (const [index, text] of [...wanted.keys()].entries()) vectors.set(text, answers[index] as Float32Array);
    }
    // Copies: what one caller does with his must not reach the memo, nor another caller.
    return texts.map((text) => (vectors.get(text) as Float32Array).slice());
  }

  async load(): Promise<void> {
    if (this.#closed) throw this.#closedError();
    await this.#lifecycle?.load();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const error = this.#closedError();
    this.#closed = true;
    this.#endWindow();
    this.#queue.clear();
    this.#wanted.clear();
    this.#memo.clear();
    for (const leave of this.#callers) leave(error);
    for (const batch of this.#running) {
      this.#end(batch);
      batch.controller.abort(error);
    }
    await this.#lifecycle?.close();
  }

  #check(texts: readonly string[]): void {
    const { maxTextChars } = this.#settings;
    if (this.#closed) throw this.#closedError();
    if (!Array.isArray(texts) || !texts.every((text) => typeof text === "string"))
      throw new LLMCacheError("ERR_LLMCACHE_OPTION", `${this.id}: texts must be a list of texts.`);
    for (const { length } of texts) {
      if (length === 0) throw embedderError(this.id, "a text is empty: it has no meaning to compare.");
      if (length > maxTextChars)
        throw embedderError(this.id, `a text has ${length} characters, more than maxTextChars (${maxTextChars}).`);
    }
    if (this.#inside.getStore() === true) {
      throw embedderError(
        this.id,
        "it is asked by its own request: the client or fetch it was given must not use the cache that uses the embedder.",
      );
    }
  }

  #closedError(): LLMCacheError {
    return new LLMCacheError("ERR_LLMCACHE_CLOSED", `${this.id}: the embedder was disposed.`);
  }

  #want(text: string): Wanted {
    const same = this.#wanted.get(text);
    if (same !== undefined) return same;
    const wanted: Wanted = { text, answer: Promise.withResolvers<Float32Array>(), waiting: 0 };
    this.#wanted.set(text, wanted);
    this.#queue.add(wanted);
    return wanted;
  }

  async #waitFor(wanted: readonly Wanted[], signal: AbortSignal | undefined): Promise<readonly Float32Array[]> {
    const { maxBatch, deadlineMs } = this.#settings;
    const ms = Math.min(deadlineMs * Math.ceil(wanted.length / maxBatch), MOST_MS);
    const left = Promise.withResolvers<never>();
    const timer = setTimeout(() => left.reject(this.#late(ms)), ms);
    const abort = (): void => left.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    this.#callers.add(left.reject);
    for (const each of wanted) each.waiting++;
    this.#gather();
    try {
      return await Promise.race([left.promise, Promise.all(wanted.map(({ answer }) => answer.promise))]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#callers.delete(left.reject);
      for (const each of wanted) this.#leave(each);
    }
  }

  /** A caller waits for this text no more; the last one to leave ends the asking. */
  #leave(wanted: Wanted): void {
    wanted.waiting--;
    if (wanted.waiting > 0 || this.#wanted.get(wanted.text) !== wanted) return;
    this.#wanted.delete(wanted.text);
    this.#queue.delete(wanted);
    if (this.#queue.size === 0) this.#endWindow();
    const { batch } = wanted;
    if (batch === undefined) return;
    batch.wanted.delete(wanted);
    if (batch.wanted.size > 0) return;
    this.#end(batch);
    batch.controller.abort();
  }

  /** Sends what is queued when the window closes, or at once when there is enough for a request. */
  #gather(): void {
    const { windowMs, maxBatch } = this.#settings;
    if (this.#queue.size === 0) return;
    const full = this.#queue.size >= maxBatch;
    if (this.#window !== undefined && !(full && windowMs > 0)) return;
    this.#endWindow();
    if (windowMs === 0 || full) return this.#sendSoon();
    const timer = setTimeout(() => this.#send(), windowMs);
    this.#window = () => clearTimeout(timer);
  }

  /** When all who are just coming have come, and all who are just leaving have left. */
  #sendSoon(): void {
    const immediate = setImmediate(() => this.#send());
    this.#window = () => clearImmediate(immediate);
  }

  #endWindow(): void {
    this.#window?.();
    this.#window = undefined;
  }

  #send(): void {
    this.#window = undefined;
    const { maxBatch, concurrency } = this.#settings;
    while (this.#queue.size > 0 && this.#running.size < concurrency) {
      const wanted = new Set<Wanted>();
      for (const each of this.#queue) {
        if (wanted.size === maxBatch) break;
        this.#queue.delete(each);
        wanted.add(each);
      }
      this.#begin(wanted);
    }
  }

  #begin(wanted: Set<Wanted>): void {
    const { deadlineMs } = this.#settings;
    const timer = setTimeout(() => {
      const late = this.#late(deadlineMs);
      this.#fail(batch, late);
      batch.controller.abort(late);
    }, deadlineMs);
    const batch: Batch = { controller: new AbortController(), wanted, timer };
    for (const each of wanted) each.batch = batch;
    this.#running.add(batch);
    void this.#ask(batch);
  }

  async #ask(batch: Batch): Promise<void> {
    const texts = Array.from(batch.wanted, ({ text }) => text);
    const { signal } = batch.controller;
    try {
      // A copy: the model may do with its list what it likes.
      const answer: unknown = await this.#inside.run(true, async () => this.#model.embed([...texts], { signal }));
      if (this.#running.has(batch)) this.#succeed(batch, texts, answer);
    } catch (error) {
      this.#fail(batch, error);
    }
  }

  #succeed(batch: Batch, texts: readonly string[], answer: unknown): void {
    const dimensions = { count: this.dimensions, stated: this.#stated !== undefined };
    const vectors = checkedVectors(this.id, texts.length, answer, dimensions);
    this.#learned ??= vectors.find((vector) => vector instanceof Float32Array)?.length;
    for (const [index, text] of texts.entries()) {
      const vector = vectors[index] as Float32Array | Error;
      if (vector instanceof Float32Array) this.#memo.set(text, vector);
    }
    const places = new Map(texts.map((text, index) => [text, index]));
    for (const wanted of batch.wanted) {
      const vector = vectors[places.get(wanted.text) as number] as Float32Array | Error;
      if (vector instanceof Float32Array) this.#settled(wanted).resolve(vector);
      else this.#settled(wanted).reject(vector);
    }
    this.#end(batch);
  }

  #fail(batch: Batch, error: unknown): void {
    if (!this.#running.has(batch)) return;
    for (const wanted of batch.wanted) this.#settled(wanted).reject(error);
    this.#end(batch);
  }

  /** No later call joins it. */
  #settled(wanted: Wanted): PromiseWithResolvers<Float32Array> {
    this.#wanted.delete(wanted.text);
    return wanted.answer;
  }

  #end(batch: Batch): void {
    clearTimeout(batch.timer);
    this.#running.delete(batch);
    if (this.#window === undefined && this.#queue.size > 0) this.#sendSoon();
  }

  #late(ms: number): LLMCacheError {
    return embedderError(this.id, `no answer within ${ms} ms (deadlineMs).`);
  }
}
