/** What a command may be given. */
export type RedisArgument = string | number | Buffer;

/** A command and its arguments. */
export type RedisCommand = readonly [command: string, ...args: RedisArgument[]];

/** The part of ioredis that the store uses: a `Redis` or a `Cluster` of any copy of that package fits. */
export interface RedisClient {
  readonly status: string;
  call(command: string, ...args: RedisArgument[]): Promise<unknown>;
  callBuffer(command: string, ...args: RedisArgument[]): Promise<unknown>;
  pipeline(): RedisPipeline;
  disconnect(reconnect?: boolean): void;
}

/** Several commands sent at once. */
export interface RedisPipeline {
  callBuffer(command: string, ...args: RedisArgument[]): unknown;
  exec(): Promise<readonly (readonly [Error | null, unknown])[] | null>;
}

interface ClusterClient extends RedisClient {
  nodes(role: "master"): RedisClient[];
}

/** Members that ioredis has beside its methods; none of them may be missing. */
interface Described {
  readonly options?: {
    readonly host?: unknown;
    readonly port?: unknown;
    readonly path?: unknown;
    readonly keyPrefix?: unknown;
  };
}

/** By shape: a copy of ioredis that is not ours is as good. */
export function isRedisClient(value: unknown): value is RedisClient {
  if (typeof value !== "object" || value === null) return false;
  const client = value as Partial<Record<keyof RedisClient, unknown>>;
  return (
    typeof client.status === "string" &&
    [client.call, client.callBuffer, client.pipeline].every((method) => typeof method === "function")
  );
}

export function isCluster(client: RedisClient): client is ClusterClient {
  return typeof (client as Partial<ClusterClient>).nodes === "function";
}

/** The clients that hold keys: each master of a Cluster, in an order that does not change, or the client itself. */
export function masters(client: RedisClient): readonly RedisClient[] {
  if (!isCluster(client)) return [client];
  return client.nodes("master").sort((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1));
}

/** What ioredis puts before every key by itself, but not into the patterns and replies of SCAN. */
export function keyPrefixOf(client: RedisClient): string {
  const prefix = (client as Described).options?.keyPrefix;
  return typeof prefix === "string" ? prefix : "";
}

/** Host and port, without anything secret. */
export function addressOf(client: RedisClient): string {
  const { path, host, port } = (client as Described).options ?? {};
  return typeof path === "string" ? path : `${String(host)}:${String(port)}`;
}

/** For messages. */
export function describe(client: RedisClient): string {
  if (!isCluster(client)) return `Redis at ${addressOf(client)}`;
  const addresses = client.nodes("master").map(addressOf);
  return addresses.length === 0 ? "The Redis Cluster" : `The Redis Cluster (${addresses.join(", ")})`;
}
