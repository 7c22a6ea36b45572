import type { BaseChatModelCallOptions } from "@langchain/core/language_models/chat_models";
import type { CacheOption } from "@llmcache/core";

/** Does an option of a call change the answer? */
export type FieldRole = "counts" | "ignored";

/**
 * Every option of a call that LangChain itself knows. The type check fails when it gains one, until somebody decides about it here. Options
 * of a provider's model count, known or not.
 */
export const CALL_FIELDS: Readonly<Record<keyof BaseChatModelCallOptions, FieldRole>> = {
  stop: "counts",
  tool_choice: "counts",
  outputVersion: "counts",
  // How the run is traced, limited and found again.
  signal: "ignored",
  timeout: "ignored",
  callbacks: "ignored",
  tags: "ignored",
  metadata: "ignored",
  runName: "ignored",
  runId: "ignored",
  maxConcurrency: "ignored",
  recursionLimit: "ignored",
  configurable: "ignored",
  maxRetries: "ignored",
  ls_structured_output_format: "ignored",
} satisfies Record<keyof BaseChatModelCallOptions, FieldRole>;

/** What LangChain and we add ourselves. */
const OWN: ReadonlySet<string> = new Set(["promptIndex", "llmcache"]);

/** The option of one call. */
export interface CachedCallOptions {
  /** As everywhere: `false`, `true`, a control or another cache. The model does not see it, and it is not in the key. */
  readonly llmcache?: CacheOption | undefined;
}

/** The options that count. */
export function countedOptions(options: object): Record<string, unknown> {
  const counted: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || OWN.has(name)) continue;
    if (Object.hasOwn(CALL_FIELDS, name) && CALL_FIELDS[name as keyof typeof CALL_FIELDS] === "ignored") continue;
    counted[name] = value;
  }
  return counted;
}
