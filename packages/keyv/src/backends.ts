import { randomUUID } from "node:crypto";
import type { EventEmitter } from "node:events";
import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathOf } from "@llmcache/core/open";

/** A backend of Keyv that URLs can name. */
export interface Backend {
  /** The package of the adapter, and the name of its class there. */
  readonly package: string;
  readonly class: string;
  /** Whether parameters that this package does not know belong to the backend's own URL. */
  readonly hasParameters: boolean;
  /** What the class is constructed with. */
  argument(url: string): unknown;
}

/** Databases keep rows that nobody asks for any more; adapters of Keyv 6 drop the expired ones this often. */
const CLEAR_EXPIRED_MS = 10 * 60_000;
const CONNECT_TIMEOUT_MS = 5000;
/** For another process that writes. */
const BUSY_TIMEOUT_MS = 5000;

const SQLITE: Backend = {
  package: "@keyv/sqlite",
  class: "KeyvSqlite",
  hasParameters: false,
  argument(url) {
    const path = pathOf(url).replace(/^\/\//, "");
    const inMemory = path === "" || path === ":memory:";
    if (!inMemory) mkdirSync(dirname(resolve(path)), { recursive: true });
    return {
      uri: `sqlite://${inMemory ? ":memory:" : path}`,
      wal: true,
      busyTimeout: BUSY_TIMEOUT_MS,
      clearExpiredInterval: CLEAR_EXPIRED_MS,
    };
  },
};

const POSTGRES: Backend = {
  package: "@keyv/postgres",
  class: "KeyvPostgres",
  hasParameters: true,
  argument: (url) => ({
    uri: url,
    clearExpiredInterval: CLEAR_EXPIRED_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // Adapters with equal settings share a pool, which ends with the first of them: these settings are like no others.
    llmcache: randomUUID(),
    log: surviveIdleErrors,
  }),
};

const own = (name: string, className: string, argument: (url: string) => unknown = (url) => url): Backend => ({
  package: name,
  class: className,
  hasParameters: true,
  argument,
});

/** By the scheme of their URLs. */
export const BACKENDS: Readonly<Record<string, Backend>> = {
  sqlite: SQLITE,
  postgres: POSTGRES,
  postgresql: POSTGRES,
  mysql: own("@keyv/mysql", "KeyvMysql"),
  mongodb: own("@keyv/mongo", "KeyvMongo"),
  "mongodb+srv": own("@keyv/mongo", "KeyvMongo"),
  memcache: own("@keyv/memcache", "KeyvMemcache", (url) => url.replace(/^memcache:\/\//, "")),
  etcd: own("@keyv/etcd", "KeyvEtcd"),
};

/**
 * A pool of `pg` emits `error` when the server ends an idle connection, and one that nobody listens to ends the process. The
 * adapter does not listen, nor does it show its pool; but the pool calls its option `log` as a method of itself.
 */
function surviveIdleErrors(this: EventEmitter | undefined): void {
  if (typeof this?.listenerCount === "function" && this.listenerCount("error") === 0) this.on("error", () => undefined);
}
