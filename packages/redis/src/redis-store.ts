import {
  decodeEntry,
  decodeHead,
  headOf,
  isReserved,
  LLMCacheError,
  mayReplace,
  StoreListeners,
  type CacheKey,
  type EntriesOptions,
  type Entry,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreEvent,
  type StoreHit,
} from "@llmcache/core";
import { claim, type Standing } from "./claim.ts";
import { isCluster, type RedisCommand } from "./client.ts";
import { Connection } from "./connection.ts";
import { isRefusedCommand, isWrongType } from "./failure.ts";
import { JointReading } from "./joint-reading.ts";
import { Keys } from "./keys.ts";
import { ListCursor } from "./list-cursor.ts";
import { checkedSettings, type CheckedSettings, type RedisStoreOptions } from "./options.ts";
import { scan } from "./scanning.ts";
import { slotOf } from "./slots.ts";
import { WriteBehind } from "./write-behind.ts";
import { writeOf, type Write } from "./write.ts";

export type { RedisStoreOptions, RedisStoreSettings } from "./options.ts";

/** As much of a frame as a listing without bodies reads at first. */
const HEAD_BYTES = 16 * 1024;
/** One MGET of more would keep everybody else waiting. */
const READ_TOGETHER = 256;
/** So many whole entries are in memory at a time. */
const LISTED_WITH_BODIES = 16;
type CallOptions = { readonly signal?: AbortSignal | undefined } | undefined;

/**
 * Keeps entries in Redis (6.2 or later) or Valkey, single or Cluster, through a client of ioredis, and lets Redis drop them at
 * their `deleteAt`. Processes may share a prefix; `add` is atomic between them where the user may run scripts.
 *
 * Every command has a deadline (`timeoutMs`), whatever the client's own retrying is set to. Rejects with LLMCacheError
 * `ERR_LLMCACHE_STORE`, whose message says what to do, or `ERR_LLMCACHE_CLOSED`. Disposing it closes the client only if
 * `redisStore` opened it.
 */
export class RedisStore implements Store {
  readonly contract = 1;
  readonly name = "redis";
  readonly match = "exact";
  readonly expiry = "native";
  readonly #settings: CheckedSettings;
  readonly #listeners: StoreListeners = new StoreListeners("redis");
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #behind: WriteBehind | undefined;
  readonly #joint: JointReading | undefined;
  #toldNotAtomic = false;
  #removal: "unlink" | "del" = "unlink";
  #closing: Promise<void> | undefined;

  /** @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be. Sends nothing. */
  constructor(options: RedisStoreOptions) {
    this.#settings = checkedSettings(options);
    const { client, prefix, timeoutMs, writeBehind } = this.#settings;
    this.#connection = new Connection(client, timeoutMs, (event) => this.#listeners.tell(event));
    this.#keys = new Keys(prefix, client);
    this.#joint = isCluster(client) ? undefined : new JointReading(client);
    if (writeBehind !== undefined) this.#behind = new WriteBehind(writeBehind, (writes) => this.#writeLate(writes));
  }

  /** Gets that begin together are read together. */
  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    this.#begin(options);
    const { id } = key;
    const waiting = this.#behind?.get(id);
    return this.#hit(id, waiting === undefined ? await this.#read(id, options, this.#joint) : waiting.frame);
  }

  async set(entry: Entry, options?: StoreCallOptions): Promise<void> {
    await this.setMany([entry], options);
  }

  async add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    this.#begin(options);
    if (this.#behind?.get(entry.id) !== undefined) await this.#behind.flush();
    const write = this.#write(entry);
    if (write === undefined) return false;
    const [, ...set] = setCommand(write);
    if ((await this.#connection.command("write", options?.signal, "set", ...set, "NX")) !== null) return true;
    const read = await this.#read(entry.id, options);
    const there = read instanceof Buffer ? this.#decode(entry.id, read) : undefined;
    if (there !== undefined && !mayReplace(there, entry, options?.over)) return false;
    // It went in between: whoever comes first now.
    if (read === undefined)
      return (await this.#connection.command("write", options?.signal, "set", ...set, "NX")) !== null;
    if (read === "other") this.#tellUnreadable(entry.id);
    return claim(this.#connection, read, write, options?.signal, () => this.#tellNotAtomic());
  }

  async delete(key: Pick<CacheKey, "id">, options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    this.#behind?.drop(key.id);
    await this.#remove([key.id], options);
  }

  /** Goes through the keys of every master with SCAN: keys of other prefixes cost time and are left alone. */
  async clear(options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    if (this.#settings.prefix === "") {
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        "A Redis store without a prefix is not cleared, because others may live there: give it a prefix.",
      );
    }
    this.#behind?.clear();
    await this.#behind?.flush();
    for await (const { ids } of scan(this.#connection, this.#keys, undefined, options?.signal))
      await this.#remove(ids, options);
  }

  /** One MGET; on a Cluster one for each slot. */
  async getMany(keys: readonly CacheKey[], options?: StoreCallOptions): Promise<readonly (StoreHit | undefined)[]> {
    this.#begin(options);
    const ids = new Set(keys.map((key) => key.id));
    // Taken now: what waits may be sent, and no longer wait, before the others are read.
    const waiting = new Map<string, unknown>();
    for (const id of ids) {
      const write = this.#behind?.get(id);
      if (write === undefined) continue;
      waiting.set(id, write.frame);
      ids.delete(id);
    }
    const frames = await this.#frames([...ids], options);
    return keys.map((key) => this.#hit(key.id, waiting.get(key.id) ?? frames.get(key.id)));
  }

  /** Rejects if one of them was not stored; the others are. */
  async setMany(entries: readonly Entry[], options?: StoreCallOptions): Promise<void> {
    this.#begin(options);
    const writes = entries.map((entry) => this.#write(entry));
    const tooLarge = entries.filter((_, index) => writes[index] === undefined).map((entry) => entry.id);
    for (const id of tooLarge) this.#behind?.drop(id);
    if (tooLarge.length > 0) await this.#remove(tooLarge, options);
    const sendable = writes.filter((write) => write !== undefined);
    if (this.#behind === undefined) await this.#send(sendable, options);
    else for (const write of sendable) this.#behind.put(write);
  }

  /**
   * In the order of SCAN. Cursors stay good for as long as the servers run and keep their roles; after that the list starts anew,
   * repeating what it gave. Entries may be skipped that are moved from one master of a Cluster to another in the meantime.
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<ListedEntry> {
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    this.#begin(options);
    if (limit <= 0) return;
    await this.#behind?.flush();
    let resumed = after === undefined ? undefined : ListCursor.parse(after);
    let count = 0;
    for await (const { ids, place } of scan(this.#connection, this.#keys, resumed?.place, options.signal)) {
      let cursor = resumed?.at(place) ?? ListCursor.before(place);
      const left = resumed === undefined ? ids : resumed.leftOf(ids, place);
      resumed = undefined;
      for await (const listed of this.#listed(left, options)) {
        cursor = cursor.behind(listed.head.id);
        yield { ...listed, cursor: String(cursor) };
        if (++count >= limit) return;
        this.#begin(options);
      }
    }
  }

  /** Tells `degraded` and `recovered`, `unreadable`, `too-large`, `not-atomic` and `write-failed`. */
  on(listener: (event: StoreEvent) => void): () => void {
    return this.#listeners.on(listener);
  }

  /** Sends what waits, waits for what is under way (no longer than `timeoutMs`), and closes what `redisStore` opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    await this.#behind?.flush();
    await this.#connection.close();
  }

  #begin(options: CallOptions): void {
    if (this.#closing !== undefined)
      throw new LLMCacheError("ERR_LLMCACHE_CLOSED", "The Redis store was closed: use it before it is disposed.");
    options?.signal?.throwIfAborted();
  }

  async #read(id: string, options: CallOptions, joint?: JointReading): Promise<Standing | undefined> {
    const key = this.#keys.of(id);
    try {
      const reply = await this.#connection.run(
        "read",
        options?.signal,
        (client) => joint?.get(key) ?? client.callBuffer("get", key),
      );
      return reply instanceof Buffer ? reply : undefined;
    } catch (error) {
      if (isWrongType(error)) return "other";
      throw this.#connection.failure("read", error, options?.signal);
    }
  }

  async #frames(ids: readonly string[], options: CallOptions): Promise<ReadonlyMap<string, unknown>> {
    const frames = new Map<string, unknown>();
    const slots = isCluster(this.#settings.client) ? bySlot(ids, (id) => this.#keys.onServer(id)) : [ids];
    const groups = slots.flatMap((slot) => inSteps(slot, READ_TOGETHER));
    const commands = groups.map((group): RedisCommand => ["mget", ...group.map((id) => this.#keys.of(id))]);
    const replies = await this.#connection.batch("read", options?.signal, commands);
    for (const [index, group] of groups.entries()) {
      const reply = replies[index];
      if (reply instanceof Error) throw this.#connection.failure("read", reply, options?.signal);
      for (const [at, frame] of (reply as readonly unknown[]).entries()) frames.set(group[at] as string, frame);
    }
    return frames;
  }

  #hit(id: string, frame: unknown): StoreHit | undefined {
    if (frame === "other") this.#tellUnreadable(id);
    if (!(frame instanceof Buffer)) return undefined;
    const entry = this.#decode(id, frame);
    return entry && { entry };
  }

  #decode(id: string, frame: Buffer): Entry | undefined {
    // ioredis gives views of all that came over the wire at once.
    const entry = decodeEntry(frame, { id, codec: this.#settings.codec, borrowed: true });
    if (entry === undefined) this.#tellUnreadable(id);
    return entry;
  }

  /** `undefined` for what is too large. */
  #write(entry: Entry): Write | undefined {
    const { codec, maxEntryBytes } = this.#settings;
    const write = writeOf(entry, this.#keys.of(entry.id), codec);
    const bytes = write.frame.byteLength;
    if (bytes <= maxEntryBytes) return write;
    this.#listeners.tell({
      type: "too-large",
      message: `An entry of ${bytes} bytes was not stored: ${maxEntryBytes} is the most for one (maxEntryBytes).`,
      id: entry.id,
    });
    return undefined;
  }

  async #send(writes: readonly Write[], options: CallOptions): Promise<void> {
    const [first] = writes;
    if (first === undefined) return;
    if (writes.length === 1) {
      await this.#connection.command("write", options?.signal, ...setCommand(first));
      return;
    }
    const replies = await this.#connection.batch("write", options?.signal, writes.map(setCommand));
    const failed = replies.filter((reply) => reply instanceof Error);
    if (failed.length === 0) return;
    const cause = this.#connection.failure(
      `write ${failed.length} of ${writes.length} entries`,
      failed[0],
      options?.signal,
    );
    throw cause;
  }

  async #writeLate(writes: readonly Write[]): Promise<void> {
    try {
      await this.#send(writes, undefined);
    } catch (error) {
      const message = `Up to ${writes.length} entries that waited were not stored: ${error instanceof Error ? error.message : String(error)}`;
      this.#listeners.tell({
        type: "write-failed",
        message,
        error,
        ...(writes.length === 1 ? { id: writes[0]!.id } : {}),
      });
    }
  }

  /** UNLINK, or DEL for users and servers that know no other; one for each key on a Cluster. */
  async #remove(ids: readonly string[], options: CallOptions): Promise<void> {
    const keys = ids.map((id) => this.#keys.of(id));
    const groups = isCluster(this.#settings.client) ? keys.map((key) => [key]) : [keys];
    for (;;) {
      const removal = this.#removal;
      const replies = await this.#connection.batch(
        "delete",
        options?.signal,
        groups.map((group): RedisCommand => [removal, ...group]),
      );
      const failed = replies.find((reply) => reply instanceof Error);
      if (failed === undefined) return;
      if (removal === "del" || !isRefusedCommand(failed))
        throw this.#connection.failure("delete", failed, options?.signal);
      this.#removal = "del";
    }
  }

  async *#listed(ids: readonly string[], options: EntriesOptions): AsyncGenerator<Omit<ListedEntry, "cursor">> {
    for (const some of inSteps(ids, options.bodies === true ? LISTED_WITH_BODIES : READ_TOGETHER)) {
      yield* options.bodies === true ? this.#withBodies(some, options) : this.#heads(some, options);
    }
  }

  async *#withBodies(ids: readonly string[], options: EntriesOptions): AsyncGenerator<Omit<ListedEntry, "cursor">> {
    for (const [id, frame] of await this.#frames(ids, options)) {
      const entry = this.#hit(id, frame)?.entry;
      if (entry === undefined || isReserved(entry)) continue;
      yield { head: headOf(entry), size: (frame as Buffer).byteLength, body: entry.body };
    }
  }

  async *#heads(ids: readonly string[], options: EntriesOptions): AsyncGenerator<Omit<ListedEntry, "cursor">> {
    const commands = ids.flatMap((id): RedisCommand[] => [
      ["getrange", this.#keys.of(id), 0, HEAD_BYTES - 1],
      ["strlen", this.#keys.of(id)],
    ]);
    const replies = await this.#connection.batch("list", options.signal, commands);
    for (const [index, id] of ids.entries()) {
      const [beginning, length] = [replies[2 * index], replies[2 * index + 1]];
      const failed = [beginning, length].find((reply) => reply instanceof Error);
      if (isWrongType(failed)) continue;
      if (failed !== undefined) throw this.#connection.failure("list", failed, options.signal);
      // A text where the client gives numbers so (stringNumbers).
      const size = Number(length);
      if (size === 0) continue;
      const head =
        decodeHead(beginning as Buffer, { id, codec: this.#settings.codec }) ?? (await this.#wholeHead(id, options));
      if (head !== undefined && !isReserved(head)) yield { head, size };
    }
  }

  /** A head that is longer than HEAD_BYTES, or none at all. */
  async #wholeHead(id: string, options: EntriesOptions): Promise<ListedEntry["head"] | undefined> {
    const entry = this.#hit(id, await this.#read(id, options))?.entry;
    return entry && headOf(entry);
  }

  #tellUnreadable(id: string): void {
    this.#listeners.tell({
      type: "unreadable",
      message:
        "What is stored under this id cannot be read: damaged, of another format, of another codec, or not ours.",
      id,
    });
  }

  #tellNotAtomic(): void {
    if (this.#toldNotAtomic) return;
    this.#toldNotAtomic = true;
    this.#listeners.tell({
      type: "not-atomic",
      message:
        "This user may not run scripts (EVAL, EVALSHA): an entry that takes the place of a dead or refused one may overwrite another that does the same at the same moment.",
    });
  }
}

function setCommand({ key, frame, deleteAt }: Write): RedisCommand {
  return deleteAt === undefined ? ["set", key, frame] : ["set", key, frame, "PXAT", deleteAt];
}

function inSteps<T>(list: readonly T[], step: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / step) }, (_, index) =>
    list.slice(index * step, (index + 1) * step),
  );
}

function bySlot(ids: readonly string[], keyOf: (id: string) => string): readonly (readonly string[])[] {
  return [...Map.groupBy(ids, (id) => slotOf(keyOf(id))).values()];
}
