import type { RedisClient } from "./client.ts";

/** A client that a factory opened: its store closes it. */
export interface Ownership {
  /** What the client complained of last, since it was connected. */
  readonly lastError: unknown;
  /** By the clock of `performance.now()`. */
  readonly lastErrorAt: number;
}

interface Emitter {
  on(event: string, listener: (error?: unknown) => void): unknown;
}

const owned = new WeakMap<RedisClient, Ownership>();

/** Listens to the client, so that its errors are heard by somebody; on clients of others the store leaves no listener. */
export function own<T extends RedisClient & Emitter>(client: T): T {
  const record = { lastError: undefined as unknown, lastErrorAt: 0 };
  owned.set(client, record);
  for (const event of ["error", "node error"]) {
    client.on(event, (error) => {
      record.lastError = error;
      record.lastErrorAt = performance.now();
      // ioredis would go on, in database 0.
      if (isRefusedSelect(error)) client.disconnect(true);
    });
  }
  client.on("ready", () => {
    record.lastError = undefined;
  });
  return client;
}

function isRefusedSelect(error: unknown): boolean {
  return (error as { readonly command?: { readonly name?: unknown } } | undefined)?.command?.name === "select";
}

/** `undefined` for a client of somebody else. */
export function ownership(client: RedisClient): Ownership | undefined {
  return owned.get(client);
}
