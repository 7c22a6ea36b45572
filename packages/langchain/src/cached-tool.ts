import type { RunnableConfig } from "@langchain/core/runnables";
import type { StructuredToolInterface } from "@langchain/core/tools";
import {
  currentCache,
  OptionChecks,
  type AnswerCache,
  type CacheControl,
  type Duration,
  type Json,
} from "@llmcache/core";

/** What a tool says about itself, as tools of MCP servers do. */
export interface ToolAnnotations {
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
}

/** Options of {@link cachedTool}. */
export interface CachedToolOptions {
  /** How long a result may be served: what a tool looks at changes. */
  readonly ttl: Duration;
  /** Whose results these are: a name, what gives it from the input and the config of a call, or `false` where they are the same for everybody. */
  readonly tenant: string | false | ((input: unknown, config: RunnableConfig | undefined) => string);
  /** Raised when the tool begins to give other results. @default none */
  readonly version?: string | undefined;
  /** What the tool does, where it does not say so itself (`annotations` or `metadata.annotations`). @default what it says */
  readonly annotations?: ToolAnnotations | undefined;
  /** @default the cache in force (`cache.run(…)`); with none there, calls only pass */
  readonly cache?: AnswerCache | undefined;
  /** Further controls of all calls. */
  readonly control?: Omit<CacheControl, "ttl" | "version"> | undefined;
}

const checks = new OptionChecks("cachedTool");

/**
 * A tool like the given one whose results are kept, by its name, `version`, tenant and input; callbacks run as they do without it. Not kept: what
 * it throws, `undefined`, and results that are no JSON. What else it reads from its config is not in the key: say it by `tenant`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option, and for a tool that says that it has side effects (`readOnlyHint: false` or
 * `destructiveHint: true`).
 */
export function cachedTool<T extends StructuredToolInterface>(tool: T, options: CachedToolOptions): T {
  const { ttl, tenant, version, cache, control } = options;
  const inner = tool as unknown as {
    readonly name: string;
    readonly annotations?: ToolAnnotations;
    readonly metadata?: { readonly annotations?: ToolAnnotations };
    _call?(input: unknown, runManager?: unknown, config?: RunnableConfig): Promise<unknown>;
  };
  if (typeof inner?._call !== "function") throw checks.wrong("tool", "a tool of LangChain that runs here", tool);
  const { name } = inner;
  if (ttl === undefined) throw checks.error(`ttl is missing: say how long a result of ${name} may be served.`);
  if (tenant !== false && typeof tenant !== "string" && typeof tenant !== "function")
    throw checks.wrong("tenant", "a name, a function that gives one, or false where all may share results", tenant);
  const said = options.annotations ?? inner.annotations ?? inner.metadata?.annotations ?? {};
  if (said.readOnlyHint === false || (said.destructiveHint === true && said.readOnlyHint !== true))
    throw checks.error(`${name} says that it has side effects: a cached call would not have them.`);

  const call = async (input: unknown, runManager?: unknown, config?: RunnableConfig): Promise<unknown> => {
    const inForce = cache ?? currentCache();
    if (inForce === undefined) return inner._call?.(input, runManager, config);
    const outcome = await inForce.through<unknown>(
      {
        operation: `tool:${name}`,
        settings: {
          // Results of other packages' tools are kept in another form.
          form: "langchain",
          tenant: tenantOf(tenant, input, config, name),
          ...(version === undefined ? {} : { version }),
        },
        prompt: (input ?? null) as Json,
      },
      // Others may wait for the result when who asked first has left.
      async ({ signal }) => inner._call?.(input, runManager, { ...config, signal }),
      { ...control, ttl, signal: config?.signal, unkeyable: "bypass" },
    );
    return outcome.value;
  };
  const cached = Object.create(tool) as T;
  Object.defineProperty(cached, "_call", { value: call, writable: true, configurable: true });
  return cached;
}

function tenantOf(
  tenant: CachedToolOptions["tenant"],
  input: unknown,
  config: RunnableConfig | undefined,
  name: string,
): Json {
  if (tenant === false) return null;
  const given: unknown = typeof tenant === "function" ? tenant(input, config) : tenant;
  if (typeof given === "string" && given !== "") return given;
  throw checks.wrong(`the tenant of a call of ${name}`, "a name", given);
}
