import { randomUUID } from "node:crypto";
import { isInvalidationMessage, type InvalidationBus, type InvalidationMessage } from "./bus.ts";
import { Deadlines } from "./deadline.ts";
import { LLMCacheError } from "./errors.ts";
import { reasonOf } from "./fault.ts";
import type { StoreListeners } from "./store.ts";
import { clearIn, deleteIn, type Stack } from "./tier-writing.ts";

/** What happened here; {@link BusLink} says who tells it. */
export type Change = InvalidationMessage extends infer M ? (M extends unknown ? Omit<M, "source"> : never) : never;

/** Messages on their way, each way; beyond that they are lost, which is harmless. */
const MAX_UNDER_WAY = 1000;
/** Neither a bus nor a tier keeps a message alive for longer. */
const PATIENCE_MS = 10_000;

/** Between a tiered store and the bus: tells others what changed here, and drops copies when they tell it. */
export class BusLink {
  readonly #bus: InvalidationBus;
  readonly #stack: Stack;
  readonly #listeners: StoreListeners;
  readonly #source: string = randomUUID();
  readonly #deadlines: Deadlines = new Deadlines();
  readonly #sending: Set<Promise<void>> = new Set<Promise<void>>();
  readonly #applying: Set<Promise<void>> = new Set<Promise<void>>();
  readonly #failing: Set<string> = new Set<string>();
  readonly #end: () => void;

  constructor(bus: InvalidationBus, stack: Stack, listeners: StoreListeners) {
    this.#bus = bus;
    this.#stack = stack;
    this.#listeners = listeners;
    this.#end = bus.subscribe((message) => this.#receive(message));
  }

  /** In the background. */
  publish(change: Change): void {
    const message = { ...change, source: this.#source } as InvalidationMessage;
    this.#track(this.#sending, "tell others what changed", () => this.#inTime(async () => this.#bus.publish(message)));
  }

  /** No message is taken any more. */
  close(): void {
    this.#end();
  }

  async settled(): Promise<void> {
    while (this.#sending.size + this.#applying.size > 0) await Promise.all([...this.#sending, ...this.#applying]);
  }

  /** Whoever can write to the bus can make copies go, and nothing else: what the origin has stays. */
  #receive(message: unknown): void {
    if (!isInvalidationMessage(message) || message.source === this.#source) return;
    this.#track(this.#applying, "drop what others changed", async () => {
      // A tier that fails tells it by itself, and what it holds is out of date.
      await this.#inTime((signal) => this.#drop(message, signal)).catch(() => undefined);
    });
  }

  #drop(message: InvalidationMessage, signal: AbortSignal): Promise<void> {
    const stack = this.#stack;
    const copies = stack.written.filter(({ isOrigin }) => !isOrigin);
    if (message.type === "clear") return clearIn(stack, copies, signal);
    const { id } = message;
    return deleteIn(stack, copies, message.type === "delete" ? { id } : { id, olderThan: message.createdAt }, signal);
  }

  #inTime(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const late = (): Error => new LLMCacheError("ERR_LLMCACHE_STORE", `It took longer than ${PATIENCE_MS} ms.`);
    return this.#deadlines.run(PATIENCE_MS, late, work);
  }

  #track(underWay: Set<Promise<void>>, what: string, work: () => Promise<void>): void {
    if (underWay.size >= MAX_UNDER_WAY) {
      this.#failed(what, new LLMCacheError("ERR_LLMCACHE_STORE", `${MAX_UNDER_WAY} messages are under way.`));
      return;
    }
    const tracked = work()
      .then(
        () => this.#worked(what),
        (error: unknown) => this.#failed(what, error),
      )
      .finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  }

  /** Told once until it works again. */
  #failed(what: string, error: unknown): void {
    if (this.#failing.has(what)) return;
    this.#failing.add(what);
    this.#listeners.tell({ type: "degraded", message: `The bus failed to ${what}: ${reasonOf(error)}`, error });
  }

  #worked(what: string): void {
    if (this.#failing.delete(what))
      this.#listeners.tell({ type: "recovered", message: `The bus works again (${what}).` });
  }
}
