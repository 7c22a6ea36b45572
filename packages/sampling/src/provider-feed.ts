import type { Drawn, Feed, Pull } from "./layer.ts";

/** Asks the provider for so many samples; gives one or more. */
export type Ask = (batch: number, signal: AbortSignal) => Promise<readonly Omit<Drawn, "giveBack">[]>;

interface Waiter {
  readonly batch: number;
  readonly take: (drawn: Drawn) => void;
  readonly fail: (error: unknown) => void;
}

interface Request {
  /** For whom it was made. */
  readonly waiter: Waiter;
  readonly expected: number;
  readonly controller: AbortController;
}

/**
 * The samples of one sequence of a provider: a buffer, filled by requests. Who finds it empty waits, and asks if what is under way will
 * not do; values go to those who wait in their order. What came and was not taken stays.
 */
export class ProviderFeed implements Feed {
  readonly #ask: Ask;
  readonly #size: (batch: number) => number;
  readonly #spare: Drawn[] = [];
  readonly #waiting: Waiter[] = [];
  readonly #requests: Set<Request> = new Set<Request>();

  constructor(size: (batch: number) => number, ask: Ask) {
    this.#size = size;
    this.#ask = ask;
  }

  get hasSpare(): boolean {
    return this.#spare.length > this.#waiting.length;
  }

  get isIdle(): boolean {
    return this.#spare.length === 0 && this.#waiting.length === 0 && this.#requests.size === 0;
  }

  draw(_position: number, { batch, signal }: Pull): Promise<Drawn> {
    return new Promise<Drawn>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        this.#leave(waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        batch,
        take: (drawn) => {
          signal?.removeEventListener("abort", onAbort);
          resolve(drawn);
        },
        fail: (error) => {
          signal?.removeEventListener("abort", onAbort);
          reject(error);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#serve();
    });
  }

  /** Hands out what is there, and asks for those who would wait in vain. */
  #serve(): void {
    while (this.#waiting.length > 0 && this.#spare.length > 0)
      this.#waiting.shift()?.take(this.#spare.shift() as Drawn);
    let expected = 0;
    for (const request of this.#requests) expected += request.expected;
    while (expected < this.#waiting.length) {
      const waiter = this.#waiting[expected] as Waiter;
      const request = { waiter, expected: this.#size(waiter.batch), controller: new AbortController() };
      expected += request.expected;
      this.#requests.add(request);
      void this.#run(request);
    }
  }

  /** Never rejects. */
  async #run(request: Request): Promise<void> {
    try {
      const samples = await this.#ask(request.expected, request.controller.signal);
      this.#requests.delete(request);
      this.#spare.push(...samples.map((sample) => this.#drawn(sample)));
    } catch (error) {
      // One that was given up was nobody's any more.
      if (this.#requests.delete(request)) this.#fail(request, error);
    }
    this.#serve();
  }

  #drawn(sample: Omit<Drawn, "giveBack">): Drawn {
    const drawn: Drawn = {
      ...sample,
      giveBack: () => {
        this.#spare.unshift(drawn);
        this.#serve();
      },
    };
    return drawn;
  }

  /** A failure is one pull's: of the one it was made for, or of the last one if that has been served by another. */
  #fail(request: Request, error: unknown): void {
    const own = this.#waiting.indexOf(request.waiter);
    const [waiter] = this.#waiting.splice(own < 0 ? -1 : own, 1);
    waiter?.fail(error);
  }

  #leave(waiter: Waiter): void {
    const index = this.#waiting.indexOf(waiter);
    if (index >= 0) this.#waiting.splice(index, 1);
    let expected = 0;
    for (const request of this.#requests) expected += request.expected;
    for (const request of [...this.#requests].reverse()) {
      const isNeeded = expected - request.expected < this.#waiting.length;
      if (isNeeded || (this.#waiting.length > 0 && request.waiter !== waiter)) continue;
      expected -= request.expected;
      this.#requests.delete(request);
      request.controller.abort(new DOMException("Nobody waits for these samples any more.", "AbortError"));
    }
  }
}
