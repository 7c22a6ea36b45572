import type { Entry } from "@llmcache/core";
import type { Partition } from "./partition.ts";

/** One stored entry: its place in the order of use, and where its vector is. */
export class StoredRecord {
  readonly entry: Entry;
  /** Estimated memory, vector included. */
  bytes: number;
  /** Ids of requests that this answer was rejected for as a similar one. */
  rejected: Set<string> | undefined = undefined;
  /** The walls it is within; `undefined`: it is found by its id alone. */
  partition: Partition | undefined = undefined;
  /** Its place there. */
  row = 0;
  /** Its name in an index; 0: it is in none. */
  label = 0;
  older: StoredRecord | undefined = undefined;
  newer: StoredRecord | undefined = undefined;

  constructor(entry: Entry, bytes: number) {
    this.entry = entry;
    this.bytes = bytes;
  }
}
