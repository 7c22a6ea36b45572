import { LLMCacheError, type StoreEvent } from "@llmcache/core";
import { describe, isCluster, type RedisClient, type RedisCommand } from "./client.ts";
import { isDown, isReply, lateError, redisError } from "./failure.ts";
import { ownership, type Ownership } from "./ownership.ts";

/** So many commands, or so many bytes, go into one pipeline. */
const BATCH_COMMANDS = 256;
const BATCH_BYTES = 4 * 1024 * 1024;

/** Some nodes of a Cluster answer while others are away: all is well when nothing failed for so long. */
const CALM_MS = 1000;

const ONCE = { once: true } as const;

/** A command that is not answered yet. */
interface Call {
  readonly what: string;
  readonly reject: (reason: unknown) => void;
  readonly sentAt: number;
  readonly answersBefore: number;
  readonly isProbe: boolean;
}

type Tell = (event: Omit<StoreEvent, "store">) => void;

/**
 * How long is a command waited for, and when is it not even sent? ioredis keeps commands while it is not connected, by its own
 * rules for ever; here each has a deadline. Once the server is known to be away, commands are refused at once instead of being
 * piled up, until the client is connected again. A connection that stands and gives no answer gets one command at a time.
 */
export class Connection {
  readonly client: RedisClient;
  readonly #timeoutMs: number;
  readonly #tell: Tell;
  readonly #ownership: Ownership | undefined;
  /** In the order in which they were sent, which is that of their deadlines: one timer does for all. */
  readonly #waiting: Set<Call> = new Set<Call>();
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void) | undefined;
  #answers = 0;
  /** Why commands are refused while the client is not connected. */
  #down: unknown;
  #failedAt = 0;
  /** Connected, and not answering. */
  #silent = false;
  #probing = false;
  #closing: Promise<void> | undefined;

  constructor(client: RedisClient, timeoutMs: number, tell: Tell) {
    this.client = client;
    this.#timeoutMs = timeoutMs;
    this.#tell = tell;
    this.#ownership = ownership(client);
  }

  /** For messages. */
  get where(): string {
    return describe(this.client);
  }

  /**
   * What `send` gives. `what` completes the sentence "Redis failed to …".
   *
   * Rejects with the signal's reason, with `ERR_LLMCACHE_STORE` when it is late, or with what ioredis rejects with: see
   * {@link Connection.failure}.
   */
  run<T>(what: string, signal: AbortSignal | undefined, send: (client: RedisClient) => Promise<T>): Promise<T> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const refusal = this.#refusal(what);
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise<T>((resolve, reject) => {
      const call = this.#enter(what, reject);
      // Whether the server answers is still of interest afterwards.
      const abort = (): void => reject((signal as AbortSignal).reason);
      signal?.addEventListener("abort", abort, ONCE);
      send(this.client).then(
        (value) => {
          signal?.removeEventListener("abort", abort);
          this.#leave(call);
          this.#answered();
          resolve(value);
        },
        (error: unknown) => {
          signal?.removeEventListener("abort", abort);
          this.#leave(call);
          if (isReply(error)) this.#answers++;
          if (isDown(error)) this.#failed(this.failure(what, error));
          else this.#answered();
          reject(error);
        },
      );
    });
  }

  /** One reply, as bytes; rejects with LLMCacheError. */
  async command(what: string, signal: AbortSignal | undefined, ...[name, ...args]: RedisCommand): Promise<unknown> {
    try {
      return await this.run(what, signal, (client) => client.callBuffer(name, ...args));
    } catch (error) {
      throw this.failure(what, error, signal);
    }
  }

  /** The reply, or the error, of each command, in their order: pipelined, or on a Cluster each to the node of its key. */
  async batch(
    what: string,
    signal: AbortSignal | undefined,
    commands: readonly RedisCommand[],
  ): Promise<readonly unknown[]> {
    const replies: unknown[] = [];
    for (const part of parts(commands)) {
      try {
        replies.push(...(await this.run(what, signal, (client) => this.#sendAll(what, client, part))));
      } catch (error) {
        throw this.failure(what, error, signal);
      }
    }
    return replies;
  }

  /** The error to throw for one of ioredis; what is none of its is left as it is. */
  failure(what: string, error: unknown, signal?: AbortSignal): unknown {
    if (error instanceof LLMCacheError || (signal?.aborted === true && error === signal.reason)) return error;
    return redisError(what, this.where, error, this.#ownership?.lastError);
  }

  /** Waits for what is under way, no longer than the deadline, and ends the connection if a factory opened it. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#waiting.size > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    clearTimeout(this.#timer);
    if (this.#ownership !== undefined) this.client.disconnect();
  }

  #refusal(what: string): LLMCacheError | undefined {
    if (this.#closing !== undefined)
      return new LLMCacheError("ERR_LLMCACHE_CLOSED", "The Redis store was closed: use it before it is disposed.");
    if (this.#silent && this.#probing)
      return lateError(what, this.where, this.#timeoutMs, this.client.status, undefined);
    if (this.#down === undefined || this.client.status === "ready" || this.client.status === "wait") return undefined;
    return redisError(what, this.where, this.#ownership?.lastError ?? this.#down, undefined);
  }

  async #sendAll(what: string, client: RedisClient, commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
    // ioredis takes no pipelines across nodes; and a pipeline of one command costs twice as much as the command.
    const replies = await (isCluster(client) || commands.length === 1
      ? eachAlone(client, commands)
      : pipelined(client, commands));
    const errors = replies.filter((reply) => reply instanceof Error);
    const lost = errors.find(isDown);
    if (lost !== undefined && errors.length === replies.length) throw lost;
    return replies.map((reply) => (reply instanceof Error && !isReply(reply) ? this.failure(what, reply) : reply));
  }

  #enter(what: string, reject: (reason: unknown) => void): Call {
    const call = { what, reject, sentAt: performance.now(), answersBefore: this.#answers, isProbe: this.#silent };
    if (call.isProbe) this.#probing = true;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#passDeadlines(), this.#timeoutMs);
    else if (this.#waiting.size === 0) this.#timer.ref();
    this.#waiting.add(call);
    return call;
  }

  #leave(call: Call): void {
    if (!this.#waiting.delete(call)) return;
    if (call.isProbe) this.#probing = false;
    if (this.#waiting.size > 0) return;
    // It is left to run, for the next call, but not waited for: cheaper than a timer for each.
    this.#timer?.unref();
    this.#idle?.();
  }

  #passDeadlines(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const call of this.#waiting) {
      const left = call.sentAt + this.#timeoutMs - now;
      if (left > 0) {
        this.#timer = setTimeout(() => this.#passDeadlines(), Math.ceil(left));
        return;
      }
      this.#leave(call);
      const error = this.#late(call);
      if (this.client.status !== "ready") this.#failed(error);
      else if (this.#answers === call.answersBefore) this.#fallSilent(error);
      call.reject(error);
    }
  }

  #late(call: Call): LLMCacheError {
    const { status } = this.client;
    const { lastError, lastErrorAt = 0 } = this.#ownership ?? {};
    // A Cluster may have complained of one of its nodes long ago.
    const before = status !== "ready" || lastErrorAt >= call.sentAt ? lastError : undefined;
    return lateError(call.what, this.where, this.#timeoutMs, status, before);
  }

  #answered(): void {
    this.#answers++;
    this.#silent = false;
    if (this.#down === undefined) return;
    if (isCluster(this.client) && performance.now() - this.#failedAt < CALM_MS) return;
    this.#down = undefined;
    this.#tell({ type: "recovered", message: `${this.where} answers again.` });
  }

  #fallSilent(error: LLMCacheError): void {
    this.#silent = true;
    this.#failed(error);
  }

  #failed(error: unknown): void {
    const told = this.#down !== undefined;
    this.#down = error;
    this.#failedAt = performance.now();
    if (!told && error instanceof Error) this.#tell({ type: "degraded", message: error.message, error });
  }
}

async function eachAlone(client: RedisClient, commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
  const results = await Promise.allSettled(commands.map(([name, ...args]) => client.callBuffer(name, ...args)));
  return results.map((result) => (result.status === "fulfilled" ? result.value : result.reason));
}

async function pipelined(client: RedisClient, commands: readonly RedisCommand[]): Promise<readonly unknown[]> {
  const pipeline = client.pipeline();
  for (const [name, ...args] of commands) pipeline.callBuffer(name, ...args);
  const replies = (await pipeline.exec()) ?? [];
  return commands.map((_, index) => {
    const [error, value] = replies[index] ?? [new Error("Connection is closed."), undefined];
    return error ?? value;
  });
}

function* parts(commands: readonly RedisCommand[]): Generator<readonly RedisCommand[]> {
  let [part, bytes]: [RedisCommand[], number] = [[], 0];
  for (const command of commands) {
    if (part.length >= BATCH_COMMANDS || (part.length > 0 && bytes >= BATCH_BYTES)) {
      yield part;
      [part, bytes] = [[], 0];
    }
    part.push(command);
    for (const argument of command) bytes += typeof argument === "number" ? 8 : argument.length;
  }
  if (part.length > 0) yield part;
}
