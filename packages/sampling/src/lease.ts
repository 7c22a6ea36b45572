import { randomUUID } from "node:crypto";
import { Body, requestKey, type Entry, type JsonObject, type Store } from "@llmcache/core";
import type { HeldLease, LeaseAttempt } from "./shelf.ts";

const OPERATION = "llmcache.lease";
/** A lease is renewed so many times while it lasts. */
const RENEWALS = 3;

/**
 * The lease of one sample, in the form of core's leases: an entry with a random token. It saves requests, and nothing depends on it:
 * `add` decides what a position holds.
 */
export async function takeLease(store: Store, id: string, leaseMs: number, clock: () => number): Promise<LeaseAttempt> {
  const lease = new Lease(store, id, leaseMs, clock);
  return (await lease.acquire()) ? lease : "taken";
}

class Lease implements HeldLease {
  readonly #store: Store;
  readonly #id: string;
  readonly #leaseMs: number;
  readonly #clock: () => number;
  readonly #token: string = randomUUID();
  #current: Entry;
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();

  constructor(store: Store, id: string, leaseMs: number, clock: () => number) {
    this.#store = store.origin ?? store;
    this.#id = requestKey({ operation: OPERATION, prompt: id }).id;
    this.#leaseMs = leaseMs;
    this.#clock = clock;
    this.#current = this.#entry();
  }

  async acquire(): Promise<boolean> {
    if (!(await this.#store.add(this.#current))) return false;
    this.#timer = setInterval(() => {
      this.#renewal = this.#renewal.then(() => this.#renew());
    }, this.#leaseMs / RENEWALS);
    this.#timer.unref();
    return true;
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
    try {
      const there = await this.#store.get({ id: this.#id });
      const content = there?.entry.body.json() as JsonObject | undefined;
      if (content?.["token"] === this.#token) await this.#store.delete({ id: this.#id });
    } catch {
      // It ends by itself.
    }
  }

  async #renew(): Promise<void> {
    const renewed = this.#entry();
    try {
      if (await this.#store.add(renewed, { over: this.#current })) this.#current = renewed;
    } catch {
      // The next renewal may do.
    }
  }

  #entry(): Entry {
    const createdAt = this.#clock();
    const endAt = createdAt + this.#leaseMs;
    return {
      id: this.#id,
      createdAt,
      staleAt: endAt,
      deleteAt: endAt,
      metadata: { operation: OPERATION },
      body: Body.json({ token: this.#token, open: false }),
    };
  }
}
