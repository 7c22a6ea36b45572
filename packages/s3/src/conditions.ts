import { randomUUID } from "node:crypto";
import type { Bucket, Condition } from "./bucket.ts";
import { probeKey } from "./object-key.ts";

/** Which conditions on writes the server heeds. */
export interface Heeded {
  /** `If-None-Match: *` */
  readonly ifNothing: boolean;
  /** `If-Match` */
  readonly ifMatch: boolean;
}

/** No object has it. */
const OTHER_ETAG = `"${"0".repeat(32)}"`;
const PROBE = Buffer.from(
  "llmcache finds out whether this server heeds conditional writes. This object may be deleted.\n",
);

/**
 * What the server makes of conditional writes. Some answer 501, others ignore the conditions silently, and an ignored condition looks
 * like one that holds. So a probe is written before the first conditional write: an object of its own name, written again under
 * conditions that do not hold, and deleted.
 */
export class Conditions {
  readonly #bucket: Bucket;
  readonly #prefix: string;
  readonly #found: (heeded: Heeded) => void;
  #heeded: Promise<Heeded> | undefined;

  /** `found` is called once. */
  constructor(bucket: Bucket, prefix: string, found: (heeded: Heeded) => void) {
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#found = found;
  }

  /** Found out once for all callers; after a failure the next caller tries again. */
  heeded(): Promise<Heeded> {
    this.#heeded ??= this.#probe().catch((error: unknown) => {
      this.#heeded = undefined;
      throw error;
    });
    // Whoever waits hears of it; that nobody waits any more is no reason to crash.
    this.#heeded.catch(() => undefined);
    return this.#heeded;
  }

  async #probe(): Promise<Heeded> {
    const key = probeKey(this.#prefix, randomUUID());
    const refuses = async (condition: Condition): Promise<boolean> =>
      (await this.#bucket.put(key, PROBE, {}, { condition })) === "refused";
    try {
      await this.#bucket.put(key, PROBE, {}, {});
      const [ifNothing, ifMatch] = await Promise.all([refuses({ ifNothing: true }), refuses({ ifMatch: OTHER_ETAG })]);
      this.#found({ ifNothing, ifMatch });
      return { ifNothing, ifMatch };
    } finally {
      // A probe that stays harms nobody: `clear` and lifecycle rules take it along.
      await this.#bucket.delete(key, undefined).catch(() => undefined);
    }
  }
}
