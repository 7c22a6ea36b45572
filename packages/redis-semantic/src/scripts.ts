import { createHash } from "node:crypto";
import { isUnknownScript, type Connection, type RedisArgument, type RedisCommand } from "@llmcache/redis/internal";

/** One call of a script: the key it works on, and what it is given. */
export interface ScriptCall {
  readonly key: string;
  readonly args: readonly RedisArgument[];
}

/** A script on one key. Servers are asked for it by its digest; those that do not know it get it whole. */
export class Script {
  readonly #text: string;
  readonly #digest: string;

  constructor(text: string) {
    this.#text = text;
    this.#digest = createHash("sha1").update(text).digest("hex");
  }

  /** Its reply. `what` completes the sentence "Redis failed to …". Rejects with LLMCacheError. */
  async run(connection: Connection, what: string, call: ScriptCall, signal: AbortSignal | undefined): Promise<unknown> {
    const [reply] = await this.runMany(connection, what, [call], signal);
    return reply;
  }

  /** Replies in the order of the calls. Rejects with LLMCacheError if one failed; the others were made. */
  async runMany(
    connection: Connection,
    what: string,
    calls: readonly ScriptCall[],
    signal: AbortSignal | undefined,
  ): Promise<readonly unknown[]> {
    const replies = [...(await connection.batch(what, signal, calls.map(this.#byDigest)))];
    const unknown = replies.flatMap((reply, index) => (isUnknownScript(reply) ? [index] : []));
    const again = await connection.batch(
      what,
      signal,
      unknown.map((index): RedisCommand => this.#whole(calls[index] as ScriptCall)),
    );
    for (const [at, index] of unknown.entries()) replies[index] = again[at];
    const failed = replies.find((reply) => reply instanceof Error);
    if (failed !== undefined) throw connection.failure(what, failed, signal);
    return replies;
  }

  readonly #byDigest = ({ key, args }: ScriptCall): RedisCommand => ["evalsha", this.#digest, 1, key, ...args];

  #whole({ key, args }: ScriptCall): RedisCommand {
    return ["eval", this.#text, 1, key, ...args];
  }
}
