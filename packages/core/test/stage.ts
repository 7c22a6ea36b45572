import { getEventListeners } from "node:events";
import { expect } from "vitest";
import {
  LLMCache,
  MapStore,
  type CacheEvent,
  type CacheRequest,
  type Entry,
  type LLMCacheOptions,
  type Run,
  type Store,
} from "../src/index.ts";

/** A clock that stands still until it is told otherwise. */
export class Clock {
  now = 1_800_000_000_000;

  readonly read = (): number => this.now;

  pass(ms: number): void {
    this.now += ms;
  }
}

export function request(
  prompt: CacheRequest["prompt"] = "Why is the sky blue?",
  more: Partial<CacheRequest> = {},
): CacheRequest {
  return { operation: "chat.completions", provider: "test", model: "m", prompt, ...more };
}

export interface Staged {
  readonly cache: LLMCache;
  readonly store: Store;
  readonly clock: Clock;
  readonly events: CacheEvent[];
}

/** A cache on a clock of its own, with everything it tells. */
export function stage(options: LLMCacheOptions = {}): Staged {
  const clock = new Clock();
  const store = options.store ?? new MapStore();
  const cache = new LLMCache({ clock: clock.read, ...options, store });
  const events: CacheEvent[] = [];
  cache.on((event) => events.push(event));
  return { cache, store, clock, events };
}

interface Call<T> {
  readonly run: Run;
  answer(value: T): void;
  fail(error: unknown): void;
}

/** A provider that answers when the test says so. */
export class Provider<T = unknown> {
  readonly calls: Call<T>[] = [];

  readonly produce = (run: Run): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.calls.push({ run, answer: resolve, fail: reject });
    return promise;
  };

  /** The same, but it gives up when its run is aborted, as a real one does. */
  readonly abortable = (run: Run): Promise<T> => {
    const promise = this.produce(run);
    const call = this.last;
    if (run.signal.aborted) call.fail(run.signal.reason);
    else run.signal.addEventListener("abort", () => call.fail(run.signal.reason), { once: true });
    return promise;
  };

  get last(): Call<T> {
    return this.calls.at(-1) as Call<T>;
  }

  get count(): number {
    return this.calls.length;
  }
}

/** A provider that answers at once, with what it is given or with how often it was asked. */
export function answering<T>(value?: T): { (): Promise<T | number>; count: number } {
  const produce = async (): Promise<T | number> => {
    produce.count++;
    return value === undefined ? produce.count : structuredClone(value);
  };
  produce.count = 0;
  return produce;
}

/** All of an iteration, in order. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Awaits a failure from now on, so that it can be looked at later without going unhandled. */
export async function refusal(call: Promise<unknown>, message = ""): Promise<void> {
  await expect(call).rejects.toThrow(message);
}

/** Lets everything run that needs no more than microtasks and one turn of the event loop. */
export async function turn(times = 2): Promise<void> {
  for (let i = 0; i < times; i++) await new Promise((resolve) => void setImmediate(resolve));
}

export function abortListeners(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}

/** The timers that would fire. */
export function timers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

/** A store whose methods can be held up or made to fail. */
export class GatedStore extends MapStore {
  readonly calls: string[] = [];
  /** Awaited before the method of that name does its work. */
  readonly before: Partial<Record<"get" | "set" | "delete" | "clear", () => Promise<void> | void>> = {};

  override async get(...[key]: Parameters<MapStore["get"]>): ReturnType<MapStore["get"]> {
    this.calls.push("get");
    await this.before.get?.();
    return super.get(key);
  }

  override async set(entry: Entry): Promise<void> {
    this.calls.push("set");
    await this.before.set?.();
    return super.set(entry);
  }

  override async delete(key: { readonly id: string }): Promise<void> {
    this.calls.push("delete");
    await this.before.delete?.();
    return super.delete(key);
  }

  override async clear(): Promise<void> {
    this.calls.push("clear");
    await this.before.clear?.();
    return super.clear();
  }
}

/** The entry under a request's key, judged by nobody. */
export async function stored(staged: Staged, asked: CacheRequest): Promise<Entry | undefined> {
  return (await staged.store.get(staged.cache.key(asked)))?.entry;
}
