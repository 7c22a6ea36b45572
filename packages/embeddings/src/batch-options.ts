import { OptionChecks } from "@llmcache/core";

/** What every embedder of this package does around its model. */
export interface BatchOptions {
  /** At most so many texts in one request. @default 256; of transformers 16, of use-lite 8 */
  readonly maxBatch?: number | undefined;
  /** How long texts are gathered for one request. Milliseconds; 0: those asked for in one turn of the event loop. @default 0 */
  readonly windowMs?: number | undefined;
  /** At most so many requests at a time. @default 4; of local models 1 */
  readonly concurrency?: number | undefined;
  /**
   * A request that has not been answered after so long is given up. A call waits no longer than this for each batch that
   * its texts fill, whatever it had to wait behind. Milliseconds. @default 2000
   */
  readonly deadlineMs?: number | undefined;
  /** A longer text is refused. UTF-16 code units. @default 32000; of use-lite 2000 */
  readonly maxTextChars?: number | undefined;
  /** The vectors of so many texts are remembered; 0: none. @default 1000 */
  readonly memoEntries?: number | undefined;
  /** And of no more than so many bytes, texts included. @default 16777216 (16 Mi) */
  readonly memoBytes?: number | undefined;
}

/** {@link BatchOptions} after they were checked. */
export type BatchSettings = { readonly [Name in keyof BatchOptions]-?: number };

/** Their names, for those who have to tell options apart. */
export const BATCH_OPTIONS: readonly (keyof BatchOptions)[] = [
  "maxBatch",
  "windowMs",
  "concurrency",
  "deadlineMs",
  "maxTextChars",
  "memoEntries",
  "memoBytes",
];

const DEFAULTS: BatchSettings = {
  maxBatch: 256,
  windowMs: 0,
  concurrency: 4,
  deadlineMs: 2000,
  maxTextChars: 32_000,
  memoEntries: 1000,
  memoBytes: 16 * 1024 ** 2,
};

/** For models that run on this machine's processors: short batches, one at a time. */
export const LOCAL_DEFAULTS: Partial<BatchSettings> = { maxBatch: 16, concurrency: 1 };

/**
 * @param owner whose options they are, for the messages
 * @param defaults where they are others than those of all
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the field.
 */
export function batchSettings(
  owner: string,
  options: BatchOptions,
  defaults: Partial<BatchSettings> = {},
): BatchSettings {
  const given = Object.fromEntries(
    BATCH_OPTIONS.map((name) => [name, options[name] ?? defaults[name] ?? DEFAULTS[name]]),
  ) as BatchSettings;
  const check = new OptionChecks(owner);
  for (const name of ["maxBatch", "concurrency", "maxTextChars"] as const) check.whole(name, given[name]);
  for (const name of ["memoEntries", "memoBytes"] as const) check.whole(name, given[name], 0);
  check.ms("deadlineMs", given.deadlineMs);
  check.ms("windowMs", given.windowMs, 0);
  if (given.windowMs >= given.deadlineMs)
    throw check.error(`windowMs (${given.windowMs}) must be less than deadlineMs (${given.deadlineMs}).`);
  return given;
}
