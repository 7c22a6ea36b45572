import type { Keys } from "@llmcache/redis/internal";
import { digest, type VectorSpace } from "./layout.ts";
import { Script } from "./scripts.ts";

/**
 * The vectors of an embedder behind one wall are in two sets, of which one is there at most times: when it is made anew, the other one is filled from the
 * entries, and until that is done both are searched. So nothing is hidden meanwhile, and nothing is lost where it is cut off.
 */
export interface SetPair {
  readonly sets: readonly [string, string];
  /** There while one process empties one of them. */
  readonly lock: string;
}

export function pairOf(keys: Keys, { id }: VectorSpace, wall: string): SetPair {
  const of = (...which: readonly string[]): string => keys.of(digest([id, wall, ...which]));
  return {
    sets: [of(), of("other")],
    get lock() {
      return of("renewal");
    },
  };
}

/**
 * An element that is no id: while it has an attribute, the set is closed. Nothing is added to it, so that what is in it is known; the attribute says who empties
 * it, and how far that is done.
 */
export const MARK = "llmcache:closed";

/**
 * Adds what is not there. The set ends with the last of its elements: where it is new, and where it would end sooner.
 * ARGV: vector, id, PEXPIREAT, and into which sets ("there", "new": one that is to be made, too, "closed": a closed one, too, which is open then).
 * Gives 0 where it is none of these.
 */
export const ADD: Script = new Script(`
local key = KEYS[1]
if redis.call('VGETATTR', key, '${MARK}') then
  if ARGV[4] ~= 'closed' then return 0 end
  redis.call('VSETATTR', key, '${MARK}', '')
end
if ARGV[4] == 'there' and redis.call('VCARD', key) == 0 then return 0 end
if redis.call('VISMEMBER', key, ARGV[2]) == 0 then redis.call('VADD', key, 'FP32', ARGV[1], ARGV[2]) end
redis.call('PEXPIREAT', key, ARGV[3], 'NX')
redis.call('PEXPIREAT', key, ARGV[3], 'GT')
return 1`);
