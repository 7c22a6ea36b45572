import { keyPrefixOf, type RedisClient } from "./client.ts";

const ID_DIGITS = 64;
const ID = /^[0-9a-f]{64}$/;

/** Under which keys do entries live: `<prefix>:<id>`, or the bare id where the prefix is empty. */
export class Keys {
  readonly #start: string;
  readonly #client: RedisClient;

  constructor(prefix: string, client: RedisClient) {
    this.#start = prefix === "" ? "" : `${prefix}:`;
    this.#client = client;
  }

  of(id: string): string {
    return this.#start + id;
  }

  /** As the server has it: with what ioredis puts before it. */
  onServer(id: string): string {
    return keyPrefixOf(this.#client) + this.of(id);
  }

  /** For SCAN: keys that are as long as ours. `app` does not reach into `app2` or `app:sub`. */
  get pattern(): string {
    return this.onServer("").replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`) + "?".repeat(ID_DIGITS);
  }

  /** The id of a key that SCAN gave; `undefined` for what is not ours. */
  idOf(keyOnServer: string): string | undefined {
    const start = this.onServer("");
    const id = keyOnServer.slice(start.length);
    return keyOnServer.startsWith(start) && ID.test(id) ? id : undefined;
  }
}
