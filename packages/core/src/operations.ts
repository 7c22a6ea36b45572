import { LLMCacheError } from "./errors.ts";

/** Operations that come with the formats of this project; other formats add theirs with {@link registerOperation}. */
const BUILT_IN = [
  "chat.completions",
  "responses",
  "completions",
  "embeddings",
  "audio.transcriptions",
  "audio.translations",
  "moderations",
  "images",
  "messages",
  "generateContent",
] as const;

/** Names that are not known beforehand: `function:summarize`, `tool:search`. */
const OPEN_PREFIXES = ["function:", "tool:"] as const;

const registered = new Set<string>(BUILT_IN);

/** Makes the name of an operation known, so that the `operations` option takes it: for formats of your own. */
export function registerOperation(name: string): void {
  registered.add(name);
}

/**
 * The test that an `operations` option stands for: which operations are cached.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a name that is not known.
 */
export function operationFilter(operations: readonly string[] | undefined): (operation: string) => boolean {
  if (operations === undefined) return () => true;
  if (!Array.isArray(operations)) throw new LLMCacheError("ERR_LLMCACHE_OPTION", "operations must be a list of names.");
  const exact = new Set<string>();
  const prefixes: string[] = [];
  for (const name of operations as readonly unknown[]) {
    const open = typeof name === "string" ? OPEN_PREFIXES.find((prefix) => name.startsWith(prefix)) : undefined;
    if (typeof name === "string" && open !== undefined && name === `${open}*`) prefixes.push(open);
    else if (typeof name === "string" && ((open !== undefined && name.length > open.length) || registered.has(name)))
      exact.add(name);
    else {
      const known = [...registered, ...OPEN_PREFIXES.map((prefix) => `${prefix}*`)].join(", ");
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `operations: ${JSON.stringify(name)} is not known; known are ${known}.`,
      );
    }
  }
  return (operation) => exact.has(operation) || prefixes.some((prefix) => operation.startsWith(prefix));
}
