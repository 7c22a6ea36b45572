import { createHash } from "node:crypto";
import { addressOf, isCluster, masters, type RedisClient } from "./client.ts";
import type { Connection } from "./connection.ts";
import { isReply } from "./failure.ts";
import type { Keys } from "./keys.ts";
import type { ListPlace } from "./list-cursor.ts";

/** About so many of our keys are wanted from one SCAN. */
const BATCH = 100;
/** Many more than wanted are not taken: a cursor names what was given of its batch. */
const MOST_IN_BATCH = 2 * BATCH;
/** How many keys of everybody one SCAN may look at. */
const MOST_LOOKED_AT = 10_000;
/** Servers that restart or change their roles again and again are not followed for ever. */
const MOST_ROUNDS = 5;

/** Keys that one SCAN found. */
export interface ScannedBatch {
  /** Sorted. */
  readonly ids: readonly string[];
  readonly place: ListPlace;
}

/**
 * Goes through all keys of ours on every master with SCAN, which finds whatever is there throughout, in an order of its own. A place
 * in it can be returned to at any time, as long as the servers are the same: the table of keys of another process, or of a
 * replica that became master, is ordered in another way. Then everything is gone through again.
 */
export async function* scan(
  connection: Connection,
  keys: Keys,
  after: ListPlace | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScannedBatch> {
  await knowMasters(connection, keys, signal);
  let from = after;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const nodes = masters(connection.client);
    const servers = await fingerprint(connection, nodes, signal);
    if (from?.servers !== servers) from = undefined;
    for (let node = from?.node ?? 0; node < nodes.length; node++) {
      const start = { servers, node, cursor: from?.cursor ?? "0", count: within(from?.count ?? BATCH) };
      yield* scanNode(connection, keys, nodes[node] as RedisClient, start, signal);
      from = undefined;
    }
    if (servers === (await fingerprint(connection, masters(connection.client), signal))) return;
  }
}

async function* scanNode(
  connection: Connection,
  keys: Keys,
  node: RedisClient,
  start: Omit<ListPlace, "end">,
  signal: AbortSignal | undefined,
): AsyncGenerator<ScannedBatch> {
  let { cursor, count } = start;
  do {
    const [end, found] = await scanOnce(connection, node, cursor, keys.pattern, count, signal);
    const ids = [...new Set(found)].map((key) => keys.idOf(key)).filter((id) => id !== undefined);
    if (ids.length > MOST_IN_BATCH && count > BATCH) {
      count = BATCH;
      continue;
    }
    if (ids.length > 0) yield { ids: ids.sort(), place: { ...start, cursor, count, end } };
    cursor = end;
    // Keys of others are passed in larger steps.
    count = within((count * BATCH) / Math.max(1, ids.length));
  } while (cursor !== "0");
}

async function scanOnce(
  connection: Connection,
  node: RedisClient,
  cursor: string,
  pattern: string,
  count: number,
  signal: AbortSignal | undefined,
): Promise<readonly [next: string, keys: readonly string[]]> {
  try {
    return (await connection.run("list", signal, () =>
      node.call("scan", cursor, "MATCH", pattern, "COUNT", count),
    )) as [string, string[]];
  } catch (error) {
    throw connection.failure("list", error, signal);
  }
}

/** A Cluster knows its masters only when it is connected: any command waits for that. */
async function knowMasters(connection: Connection, keys: Keys, signal: AbortSignal | undefined): Promise<void> {
  if (!isCluster(connection.client)) return;
  try {
    await connection.run("list", signal, (client) => client.call("get", keys.of("")));
  } catch (error) {
    if (!isReply(error)) throw connection.failure("list", error, signal);
  }
}

/** Changes when a server is started anew, when masters change, and when slots are moved (the epoch). */
async function fingerprint(
  connection: Connection,
  nodes: readonly RedisClient[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const facts = await Promise.all(
    nodes.map(async (node) => {
      const [server, epoch] = await Promise.all([
        ask(connection, node, /run_id:\w+/, signal, "info", "server"),
        isCluster(connection.client)
          ? ask(connection, node, /cluster_current_epoch:\d+/, signal, "cluster", "info")
          : "",
      ]);
      return `${addressOf(node)} ${server} ${epoch}`;
    }),
  );
  return createHash("sha256").update(facts.join("\n")).digest("hex").slice(0, 8);
}

/** A user who may not ask is a user for whom less is noticed. */
async function ask(
  connection: Connection,
  node: RedisClient,
  pattern: RegExp,
  signal: AbortSignal | undefined,
  ...command: [string, string]
): Promise<string> {
  try {
    const reply = await connection.run("list", signal, () => node.call(...command));
    return pattern.exec(String(reply))?.[0] ?? "";
  } catch (error) {
    if (isReply(error)) return "";
    throw connection.failure("list", error, signal);
  }
}

function within(count: number): number {
  return Math.min(MOST_LOOKED_AT, Math.max(BATCH, Math.round(count)));
}
