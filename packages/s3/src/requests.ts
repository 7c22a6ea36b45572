import { LLMCacheError } from "@llmcache/core";
import type { S3ClientLike } from "./client.ts";
import { lateError } from "./failure.ts";
import { Lanes } from "./lanes.ts";
import type { CheckedSettings } from "./options.ts";

/**
 * Requests under way: each has a deadline of its own, ends when the caller's signal is aborted, and at the latest when the store is
 * closed. A client that does not heed its signal holds nobody up.
 */
export class Requests {
  readonly #client: S3ClientLike;
  readonly #timeoutMs: number;
  readonly #where: string;
  /** The SDK lets requests wait for a socket, too, but counts that as connecting, and warns on the console. */
  readonly #lanes: Lanes;
  readonly #underWay: Set<AbortController> = new Set<AbortController>();
  #closed: LLMCacheError | undefined;

  constructor(
    { client, timeoutMs, maxRequests }: Pick<CheckedSettings, "client" | "timeoutMs" | "maxRequests">,
    where: string,
  ) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#lanes = new Lanes(maxRequests);
    this.#where = where;
  }

  /** @throws LLMCacheError `ERR_LLMCACHE_CLOSED`, or the reason of the signal. */
  begin(signal: AbortSignal | undefined): void {
    if (this.#closed) throw this.#closed;
    signal?.throwIfAborted();
  }

  /**
   * Sends a command, when it is its turn, and reads its answer; `what` is said where it takes too long. `read` must consume or destroy a body, also when
   * the signal is aborted already.
   */
  send<T>(
    what: string,
    command: unknown,
    caller: AbortSignal | undefined,
    read: (output: unknown, signal: AbortSignal) => T | Promise<T>,
  ): Promise<T> {
    return this.inTime(what, caller, (signal) =>
      this.#lanes.run(() =>
        untilAborted(signal, async () => read(await this.#client.send(command, { abortSignal: signal }), signal)),
      ),
    );
  }

  /** What `work` gives, unless that takes too long. */
  inTime<T>(what: string, caller: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.begin(caller);
      const controller = new AbortController();
      const { signal } = controller;
      this.#underWay.add(controller);
      const settle = (done: () => void): void => {
        clearTimeout(timer);
        caller?.removeEventListener("abort", abort);
        this.#underWay.delete(controller);
        done();
      };
      const abort = (): void => controller.abort(caller?.reason);
      const timer = setTimeout(() => controller.abort(lateError(what, this.#where, this.#timeoutMs)), this.#timeoutMs);
      signal.addEventListener("abort", () => settle(() => reject(signal.reason)), { once: true });
      caller?.addEventListener("abort", abort, { once: true });
      work(signal).then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  /** Ends what is under way. */
  close(): void {
    this.#closed ??= new LLMCacheError(
      "ERR_LLMCACHE_CLOSED",
      `${this.#where} was closed: use it before it is disposed.`,
    );
    for (const controller of this.#underWay) controller.abort(this.#closed);
  }
}

/** A client that does not heed the signal must not keep the turn of others. */
function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    work().then(resolve, reject);
  });
}
