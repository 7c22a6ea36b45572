import { randomUUID } from "node:crypto";
import { inSteps, type Connection } from "@llmcache/redis/internal";
import type { Placement, StoredVectors } from "./engine.ts";
import { bytesOf, type VectorSpace } from "./layout.ts";
import { Script } from "./scripts.ts";
import { MARK } from "./set-pair.ts";

/** Two processes need not do it; one that was killed meanwhile lets others after so long. */
const LEASE_MS = 60_000;
/** So many elements are looked up at a time. */
const READ_TOGETHER = 256;
/** Adding one takes a millisecond or more, in which a server does nothing else: others have their turn after so many. */
const ADDED_TOGETHER = 8;

/** Closes a set and makes it this process's. ARGV: a vector for the mark, and who. Gives how many of its elements are done, or nothing where there is no set. */
const CLOSE: Script = new Script(`
local key = KEYS[1]
if redis.call('VCARD', key) == 0 then return false end
if redis.call('VISMEMBER', key, '${MARK}') == 0 then redis.call('VADD', key, 'FP32', ARGV[1], '${MARK}') end
local done = string.match(redis.call('VGETATTR', key, '${MARK}') or '', '"done":(%d+)') or '0'
redis.call('VSETATTR', key, '${MARK}', '{"by":"' .. ARGV[2] .. '","done":' .. done .. '}')
return done`);

/** Writes down what is done, if the set still is as it was left. */
const ADVANCE: Script = new Script(`
if redis.call('VGETATTR', KEYS[1], '${MARK}') ~= ARGV[1] then return 0 end
redis.call('VSETATTR', KEYS[1], '${MARK}', ARGV[2])
return 1`);

/** Drops the set, if it still is as it was left. */
const DROP: Script = new Script(`
if redis.call('VGETATTR', KEYS[1], '${MARK}') ~= ARGV[1] then return 0 end
redis.call('UNLINK', KEYS[1])
return 1`);

/** A set that is to be emptied, and what it takes. */
export interface Renewal {
  readonly connection: Connection;
  readonly space: VectorSpace;
  readonly wall: string;
  readonly from: string;
  readonly lock: string;
  readonly stored: StoredVectors;
  /** Into the other set, as `from` is closed. */
  readonly add: (placements: readonly Placement[]) => Promise<void>;
  /** From now on no further step is begun. */
  readonly isStopped: () => boolean;
}

/**
 * Makes a set anew: what its entries say, which are the truth, is added to the other set of the pair; then it is dropped, whole. Where it is stopped or cut off, the set
 * stays, and whoever comes next goes on where it ended. Does nothing where another process is at it. One step is made in any case, so that it
 * comes to an end where all processes are short-lived.
 */
export async function renew(renewal: Renewal): Promise<void> {
  const { connection, lock } = renewal;
  if ((await connection.command("write", undefined, "set", lock, "1", "PX", LEASE_MS, "NX")) === null) return;
  try {
    await empty(renewal);
  } finally {
    await connection.command("delete", undefined, "unlink", lock);
  }
}

async function empty({ connection, space, wall, from, lock, stored, add, isStopped }: Renewal): Promise<void> {
  const by = randomUUID();
  const mark = bytesOf(new Float32Array(space.dimensions).fill(1));
  const begun = await CLOSE.run(connection, "write", { key: from, args: [mark, by] }, undefined);
  if (begun === null) return;
  let done = Number(begun);
  const state = (): string => JSON.stringify({ by, done });
  // Closed, it stays as it is: in this order a number says which are done.
  const ids = (await elements(connection, from)).toSorted();
  while (done < ids.length) {
    const before = state();
    done = await step(done);
    const [isKept] = await Promise.all([
      ADVANCE.run(connection, "write", { key: from, args: [before, state()] }, undefined),
      connection.command("write", undefined, "pexpire", lock, LEASE_MS),
    ]);
    // Somebody else has it, or it was cleared.
    if (Number(isKept) !== 1 || (isStopped() && done < ids.length)) return;
  }
  await DROP.run(connection, "delete", { key: from, args: [state()] }, undefined);

  /** @returns how many are done then. */
  async function step(start: number): Promise<number> {
    const end = Math.min(start + READ_TOGETHER, ids.length);
    const there = await stored.placements(space, ids.slice(start, end));
    const ours = there.filter((placement) => placement.wall === wall);
    for (const some of inSteps(ours, ADDED_TOGETHER)) {
      await add(some);
      const last = some.at(-1) as Placement;
      if (isStopped() && last !== ours.at(-1)) return ids.indexOf(last.id, start) + 1;
    }
    return end;
  }
}

async function elements(connection: Connection, key: string): Promise<readonly string[]> {
  const count = Number(await connection.command("search", undefined, "vcard", key));
  const reply = await connection.command("search", undefined, "vrandmember", key, count);
  return Array.isArray(reply) ? reply.map(String).filter((id) => id !== MARK) : [];
}
