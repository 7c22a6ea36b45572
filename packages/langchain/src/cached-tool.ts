import type { RunnableConfig } from "@langchain/core/runnables";
import type { StructuredToolInterface } from "@langchain/core/tools";
import { checkToolOptions, currentCache, OptionChecks, tenantOf, type Json, type ToolOptions } from "@llmcache/core";

export type { ToolAnnotations } from "@llmcache/core";

/** Options of {@link cachedTool}. */
export type CachedToolOptions = ToolOptions<[input: unknown, config: RunnableConfig | undefined]>;

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
    _call?(input: unknown, runManager?: unknown, config?: RunnableConfig): Promise<unknown>;
  };
  if (typeof inner?._call !== "function") throw checks.wrong("tool", "a tool of LangChain that runs here", tool);
  const { name } = inner;
  checkToolOptions(checks, name, tool, options);

  const call = async (input: unknown, runManager?: unknown, config?: RunnableConfig): Promise<unknown> => {
    const inForce = cache ?? currentCache();
    if (inForce === undefined) return inner._call?.(input, runManager, config);
    const outcome = await inForce.through<unknown>(
      {
        operation: `tool:${name}`,
        settings: {
          // Results of other packages' tools are kept in another form.
          form: "langchain",
          tenant: tenantOf(checks, name, tenant, input, config),
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
