import type { AnswerCache } from "./answer-cache.ts";
import type { CacheControl } from "./control.ts";
import type { Duration } from "./duration.ts";
import type { Json } from "./json.ts";
import type { OptionChecks } from "./option-checks.ts";

/** What a tool says about itself, as tools of MCP servers do. */
export interface ToolAnnotations {
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
}

/** Whose results these are: a name, what gives it from a call, or `false` where they are the same for everybody. */
export type Tenant<Call extends readonly unknown[]> = string | false | ((...call: Call) => string);

/** For adapters: how results of a tool are kept. */
export interface ToolOptions<Call extends readonly unknown[] = readonly never[]> {
  /** How long a result may be served: what a tool looks at changes. */
  readonly ttl: Duration;
  /** Results of one tenant are never served to another. Say `false` where there are no tenants. */
  readonly tenant: Tenant<Call>;
  /** Raised when the tool begins to give other results. @default none */
  readonly version?: string | undefined;
  /** What the tool does, where it does not say so itself; wins over `annotations` and `metadata.annotations` of the tool. @default what it says */
  readonly annotations?: ToolAnnotations | undefined;
  /** @default the cache in force (`cache.run(…)`); with none there, calls only pass */
  readonly cache?: AnswerCache | undefined;
  /** Further controls of all calls. */
  readonly control?: Omit<CacheControl, "ttl" | "version"> | undefined;
}

/**
 * What the tool is said to do, after the options were checked.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option, and for a tool that says that it has side effects (`readOnlyHint: false` or
 * `destructiveHint: true`).
 */
export function checkToolOptions(
  checks: OptionChecks,
  name: string,
  tool: object,
  { ttl, tenant, annotations: given }: Pick<ToolOptions, "ttl" | "tenant" | "annotations">,
): ToolAnnotations {
  if (ttl === undefined) throw checks.error(`ttl is missing: say how long a result of ${name} may be served.`);
  if (tenant !== false && typeof tenant !== "string" && typeof tenant !== "function")
    throw checks.wrong("tenant", "a name, a function that gives one, or false where all may share results", tenant);
  const { annotations, metadata } = tool as {
    readonly annotations?: ToolAnnotations;
    readonly metadata?: { readonly annotations?: ToolAnnotations };
  };
  const said = given ?? annotations ?? metadata?.annotations ?? {};
  if (said.readOnlyHint === false || (said.destructiveHint === true && said.readOnlyHint !== true))
    throw checks.error(`${name} says that it has side effects: a cached call would not have them.`);
  return said;
}

/**
 * Whose result a call gets, for the key.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` where it has no name.
 */
export function tenantOf<Call extends readonly unknown[]>(
  checks: OptionChecks,
  name: string,
  tenant: Tenant<Call>,
  ...call: Call
): Json {
  if (tenant === false) return null;
  const given: unknown = typeof tenant === "function" ? tenant(...call) : tenant;
  if (typeof given === "string" && given !== "") return given;
  throw checks.wrong(`the tenant of a call of ${name}`, "a name", given);
}
