import { Cluster, Redis, type ClusterOptions, type RedisOptions } from "ioredis";
import type { ConnectionOptions } from "node:tls";
import type { RedisClient } from "./client.ts";
import type { RedisStoreSettings } from "./options.ts";
import { own } from "./ownership.ts";
import { RedisStore } from "./redis-store.ts";
import { partsOf, withoutUndefined, wrong } from "./url.ts";

/** Host and port of a node or a sentinel. */
export interface RedisAddress {
  readonly host: string;
  readonly port?: number | undefined;
}

/**
 * Options of {@link redisStore}: where the server is, one of `url`, `host` and `port`, `nodes`, `sentinels`. If none of these and
 * no credentials are given, the environment is asked: `REDIS_URL`, or `REDIS_HOST`, `REDIS_PORT`, `REDIS_USERNAME` and
 * `REDIS_PASSWORD`.
 */
export interface RedisConnectionOptions extends RedisStoreSettings, RedisAddressOptions {}

/** Where the server is, and who asks it. */
export interface RedisAddressOptions {
  /** `redis://user:password@host:6379/0`, or `rediss:` for TLS. */
  readonly url?: string | undefined;
  /** @default "localhost" */
  readonly host?: string | undefined;
  /** @default 6379 */
  readonly port?: number | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Number of the database; a Cluster has only 0. @default 0 */
  readonly db?: number | undefined;
  /** `true`, or what `tls.connect` takes: `{ ca }` for an authority of one's own. @default false (true for `rediss:`) */
  readonly tls?: boolean | ConnectionOptions | undefined;
  /** Some nodes of a Cluster: it tells the others. `"host:port"` or an object. */
  readonly nodes?: readonly (string | RedisAddress)[] | undefined;
  /** The sentinels that know the master; ioredis follows it. */
  readonly sentinels?: readonly (string | RedisAddress)[] | undefined;
  /** The name by which the sentinels know the master. @default "mymaster" */
  readonly masterName?: string | undefined;
  /** Handed to ioredis as they are, over everything else: options of `Redis`, or of `Cluster` where `nodes` are given. */
  readonly options?: RedisClientOptions | RedisClusterOptions | undefined;
}

/** All that `new Redis` takes, but for a choice that changes the types of replies, which the store does not use. */
export type RedisClientOptions = Omit<RedisOptions, "replyMapping">;

/** All that `new Cluster` takes beside its nodes. */
export type RedisClusterOptions = Omit<ClusterOptions, "redisOptions"> & {
  readonly redisOptions?: Omit<NonNullable<ClusterOptions["redisOptions"]>, "replyMapping"> | undefined;
};

const DEFAULT_PORT = 6379;
const DEFAULT_MASTER_NAME = "mymaster";
/** A call that the connection fails is a miss: better at once than after many tries. */
const RETRIES = 1;
/** A connection on which so long nothing comes back is given up and made anew. */
const SOCKET_TIMEOUT_MS = 10_000;
/** ioredis keeps the process alive for so long after the end of a connection that never stood. */
const DISCONNECT_TIMEOUT_MS = 200;

/**
 * Opens a connection, in the background, and the store over it. A server that is away delays nothing and crashes nothing: calls
 * reject until it is there. Dispose the store to close the connection.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function redisStore(options: RedisConnectionOptions = {}): RedisStore {
  return overConnection(options, (client, settings) => new RedisStore({ ...settings, client }));
}

/**
 * For stores over a connection of their own: opens it, and gives it to `make` with the options that are none of the connection's.
 * Closes it if `make` throws; otherwise a {@link Connection} made of it closes it.
 */
export function overConnection<Options extends RedisAddressOptions, T>(
  options: Options,
  make: (client: RedisClient, settings: Omit<Options, keyof RedisAddressOptions>) => T,
): T {
  const {
    url,
    host,
    port,
    username,
    password,
    db,
    tls,
    nodes,
    sentinels,
    masterName,
    options: forClient,
    ...settings
  } = options;
  const client = own(
    openClient(
      {
        ...fromEnvironment(options),
        ...withoutUndefined({ url, host, port, username, password, db, tls, nodes, sentinels, masterName }),
      },
      forClient,
    ),
  );
  try {
    return make(client, settings);
  } catch (error) {
    client.disconnect();
    throw error;
  }
}

type Where = Omit<RedisAddressOptions, "options">;

function openClient(where: Where, options: RedisClientOptions | RedisClusterOptions | undefined): Redis | Cluster {
  const given = [where.url ?? where.host ?? where.port, where.nodes, where.sentinels].filter(
    (one) => one !== undefined,
  );
  if (given.length > 1 || (where.url !== undefined && (where.host !== undefined || where.port !== undefined))) {
    throw wrong("give one of url, host (and port), nodes and sentinels, not several");
  }
  const { url, ...rest } = where;
  const { host, port, nodes, sentinels, masterName, ...login } =
    url === undefined ? rest : { ...partsOf(url), ...rest };
  const common: RedisClientOptions = {
    maxRetriesPerRequest: RETRIES,
    socketTimeout: SOCKET_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    ...withoutUndefined({ username: login.username, password: login.password, db: wholeNumber("db", login.db) }),
    ...(login.tls === undefined || login.tls === false ? {} : { tls: login.tls === true ? {} : login.tls }),
  };
  if (nodes !== undefined) {
    const { redisOptions, ...cluster } = (options ?? {}) as RedisClusterOptions;
    return new Cluster(addresses("nodes", nodes, DEFAULT_PORT), {
      ...cluster,
      redisOptions: { ...common, ...redisOptions },
    });
  }
  if (sentinels !== undefined) {
    return new Redis({
      ...common,
      sentinels: addresses("sentinels", sentinels, DEFAULT_SENTINEL_PORT),
      name: masterName ?? DEFAULT_MASTER_NAME,
      // After a failover the connection may still be with the former master.
      reconnectOnError: (error) => error.message.startsWith("READONLY"),
      ...(options as RedisClientOptions),
    });
  }
  return new Redis({
    ...common,
    ...withoutUndefined({ host: text("host", host), port: wholeNumber("port", port) }),
    ...(options as RedisClientOptions),
  });
}

const DEFAULT_SENTINEL_PORT = 26_379;

function fromEnvironment(options: RedisAddressOptions): Where {
  const { url, host, port, username, password, nodes, sentinels } = options;
  const path = options.options !== undefined && "path" in options.options ? options.options.path : undefined;
  if ([url, host, port, username, password, nodes, sentinels, path].some((one) => one !== undefined)) return {};
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD } = process.env;
  if (isGiven(REDIS_URL)) return { url: REDIS_URL };
  return withoutUndefined({
    host: isGiven(REDIS_HOST) ? REDIS_HOST : undefined,
    port: isGiven(REDIS_PORT) ? Number(REDIS_PORT) : undefined,
    username: isGiven(REDIS_USERNAME) ? REDIS_USERNAME : undefined,
    password: isGiven(REDIS_PASSWORD) ? REDIS_PASSWORD : undefined,
  });
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}

function addresses(
  field: string,
  list: readonly (string | RedisAddress)[],
  defaultPort: number,
): { host: string; port: number }[] {
  if (!Array.isArray(list) || list.length === 0) throw wrong(`${field} must be a list of at least one "host:port"`);
  return (list as readonly (string | RedisAddress)[]).map((item) => {
    const groups =
      typeof item === "string"
        ? /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:@/]+))(?::(?<port>\d+))?$/.exec(item)?.groups
        : undefined;
    const host = typeof item === "string" ? (groups?.["six"] ?? groups?.["host"]) : item?.host;
    const port =
      typeof item === "string" ? (groups?.["port"] === undefined ? undefined : Number(groups["port"])) : item?.port;
    if (typeof host !== "string" || host === "")
      throw wrong(`${field} must be a list of "host:port" or { host, port }; credentials are options of their own`);
    return { host, port: wholeNumber(`${field}: port`, port) ?? defaultPort };
  });
}

function wholeNumber(field: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0 && value < 65_536)) return value;
  throw wrong(`${field} must be a whole number from 0 to 65535`);
}

function text(field: string, value: string | undefined): string | undefined {
  if (value === undefined || (typeof value === "string" && value !== "")) return value;
  throw wrong(`${field} must be a text`);
}
