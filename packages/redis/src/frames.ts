import { isCluster, type RedisCommand } from "./client.ts";
import type { Standing } from "./claim.ts";
import type { Connection } from "./connection.ts";
import { isRefusedCommand, isWrongType } from "./failure.ts";
import { JointReading } from "./joint-reading.ts";
import type { Keys } from "./keys.ts";
import { slotOf } from "./slots.ts";
import type { Write } from "./write.ts";

/** One MGET of more would keep everybody else waiting. */
export const READ_TOGETHER = 256;

/** The beginning of a value, and how long the whole is. */
export interface Beginning {
  readonly id: string;
  readonly bytes: Buffer;
  readonly size: number;
}

/** Frames in Redis: which commands read, write and remove them, on one server and on a Cluster. Rejects with LLMCacheError. */
export class Frames {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #isCluster: boolean;
  readonly #joint: JointReading | undefined;
  #removal: "unlink" | "del" = "unlink";

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
    this.#isCluster = isCluster(connection.client);
    this.#joint = this.#isCluster ? undefined : new JointReading(connection.client);
  }

  /** Those that begin together are read together, unless `alone`. `"other"`: there is something, and it is no text. */
  async read(id: string, signal: AbortSignal | undefined, alone = false): Promise<Standing | undefined> {
    const key = this.#keys.of(id);
    const joint = alone ? undefined : this.#joint;
    try {
      const reply = await this.#connection.run(
        "read",
        signal,
        (client) => joint?.get(key) ?? client.callBuffer("get", key),
      );
      return reply instanceof Buffer ? reply : undefined;
    } catch (error) {
      if (isWrongType(error)) return "other";
      throw this.#connection.failure("read", error, signal);
    }
  }

  /** One MGET; on a Cluster one for each slot. */
  async readMany(ids: readonly string[], signal: AbortSignal | undefined): Promise<ReadonlyMap<string, unknown>> {
    const frames = new Map<string, unknown>();
    const slots = this.#isCluster ? bySlot(ids, (id) => this.#keys.onServer(id)) : [ids];
    const groups = slots.flatMap((slot) => inSteps(slot, READ_TOGETHER));
    const commands = groups.map((group): RedisCommand => ["mget", ...group.map((id) => this.#keys.of(id))]);
    const replies = await this.#connection.batch("read", signal, commands);
    for (const [index, group] of groups.entries()) {
      const reply = replies[index];
      if (reply instanceof Error) throw this.#connection.failure("read", reply, signal);
      for (const [at, frame] of (reply as readonly unknown[]).entries()) frames.set(group[at] as string, frame);
    }
    return frames;
  }

  /** What is there of these, up to so many bytes of each. */
  async beginnings(
    ids: readonly string[],
    bytes: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly Beginning[]> {
    const commands = ids.flatMap((id): RedisCommand[] => [
      ["getrange", this.#keys.of(id), 0, bytes - 1],
      ["strlen", this.#keys.of(id)],
    ]);
    const replies = await this.#connection.batch("list", signal, commands);
    return ids.flatMap((id, index) => {
      const [beginning, length] = [replies[2 * index], replies[2 * index + 1]];
      const failed = [beginning, length].find((reply) => reply instanceof Error);
      if (isWrongType(failed)) return [];
      if (failed !== undefined) throw this.#connection.failure("list", failed, signal);
      // A text where the client gives numbers so (stringNumbers).
      const size = Number(length);
      return size === 0 ? [] : [{ id, bytes: beginning as Buffer, size }];
    });
  }

  /** @returns whether nothing was there. */
  async add(write: Write, signal: AbortSignal | undefined): Promise<boolean> {
    const [, ...set] = setCommand(write);
    return (await this.#connection.command("write", signal, "set", ...set, "NX")) !== null;
  }

  /** Rejects if one of them was not stored; the others are. */
  async write(writes: readonly Write[], signal: AbortSignal | undefined): Promise<void> {
    const [first] = writes;
    if (first === undefined) return;
    if (writes.length === 1) {
      await this.#connection.command("write", signal, ...setCommand(first));
      return;
    }
    const replies = await this.#connection.batch("write", signal, writes.map(setCommand));
    const failed = replies.filter((reply) => reply instanceof Error);
    if (failed.length === 0) return;
    throw this.#connection.failure(`write ${failed.length} of ${writes.length} entries`, failed[0], signal);
  }

  /** UNLINK, or DEL for users and servers that know no other; one for each key on a Cluster. */
  async remove(ids: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const keys = ids.map((id) => this.#keys.of(id));
    const groups = this.#isCluster ? keys.map((key) => [key]) : [keys];
    for (;;) {
      const removal = this.#removal;
      const replies = await this.#connection.batch(
        "delete",
        signal,
        groups.map((group): RedisCommand => [removal, ...group]),
      );
      const failed = replies.find((reply) => reply instanceof Error);
      if (failed === undefined) return;
      if (removal === "del" || !isRefusedCommand(failed)) throw this.#connection.failure("delete", failed, signal);
      this.#removal = "del";
    }
  }
}

function setCommand({ key, frame, deleteAt }: Write): RedisCommand {
  return deleteAt === undefined ? ["set", key, frame] : ["set", key, frame, "PXAT", deleteAt];
}

export function inSteps<T>(list: readonly T[], step: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / step) }, (_, index) =>
    list.slice(index * step, (index + 1) * step),
  );
}

function bySlot(ids: readonly string[], keyOf: (id: string) => string): readonly (readonly string[])[] {
  return [...Map.groupBy(ids, (id) => slotOf(keyOf(id))).values()];
}
