import {
  checkToolOptions,
  currentCache,
  LLMCacheError,
  OptionChecks,
  tenantOf,
  type Json,
  type Tenant as TenantOf,
  type ToolOptions,
  type Verdict,
} from "@llmcache/core";
import { identityJson } from "./identity-json.ts";
import { pack, unpack, type Packed } from "./pack.ts";

export type { ToolAnnotations } from "@llmcache/core";

/** Whose results these are: a name, what gives it from the input and the options of a call, or `false` where they are the same for everybody. */
export type Tenant<Input = unknown, Options = unknown> = TenantOf<[input: Input, options: Options]>;

/** Options of {@link cachedTool}. */
export interface CachedToolOptions<Input = unknown, Options = unknown> extends ToolOptions<
  [input: Input, options: Options]
> {
  /** The tool's name: it stands in the key, and a tool of the AI SDK does not know its own. */
  readonly name: string;
}

/** A tool of the AI SDK that can be run here, as far as it matters. */
interface Runnable {
  // oxlint-disable-next-line typescript/no-explicit-any -- inputs and outputs are the tool's own
  readonly execute?: ((input: any, options: any) => any) | undefined;
}

/** What a tool's function is called with. */
type InputOf<T extends Runnable> = Parameters<NonNullable<T["execute"]>>[0];
type OptionsOf<T extends Runnable> = Parameters<NonNullable<T["execute"]>>[1];

const checks = new OptionChecks("cachedTool");

/**
 * A tool like the given one whose results are kept, by its name, `version`, tenant and input. Not kept: what it throws, `undefined`, results
 * that say `isError`, and results that are no data. What else it reads from its options (messages, context) is not in the key: say it by `tenant`.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for a wrong option, and for a tool that must not be cached: one without `execute`, one that says
 * that it has side effects (`readOnlyHint: false` or `destructiveHint: true`), one whose calls have to be approved and that does not say
 * `readOnlyHint: true`, and one that yields preliminary results.
 */
export function cachedTool<T extends Runnable>(tool: T, options: CachedToolOptions<InputOf<T>, OptionsOf<T>>): T {
  const { name, ttl, tenant, version, cache, control } = options;
  if (typeof name !== "string" || name === "") throw checks.wrong("name", "the tool's name", name);
  const execute = runnable(tool, name, options);

  const run = async function (this: unknown, input: unknown, callOptions: unknown): Promise<unknown> {
    const inForce = cache ?? currentCache();
    const produce = async (asked: unknown): Promise<unknown> => {
      const result: unknown = execute.call(this, input, asked);
      if (typeof result === "object" && result !== null && Symbol.asyncIterator in result)
        throw new LLMCacheError(
          "ERR_LLMCACHE_UNSUPPORTED",
          `The tool ${name} yields preliminary results: it cannot be cached.`,
        );
      return result;
    };
    if (inForce === undefined) return produce(callOptions);
    const outcome = await inForce.through<unknown>(
      {
        operation: `tool:${name}`,
        settings: {
          tenant: tenantOf(checks, name, tenant, input, callOptions),
          ...(version === undefined ? {} : { version }),
        },
        prompt: identityJson(input ?? null),
      },
      // Others may wait for the result when who asked first has left.
      ({ signal }) => produce({ ...(callOptions as object | undefined), abortSignal: signal }),
      {
        ...control,
        ttl,
        signal: (callOptions as { readonly abortSignal?: AbortSignal } | undefined)?.abortSignal,
        unkeyable: "bypass",
        encode: (value) => pack(value) as unknown as Json,
        decode: (body) => (body.kind === "json" ? unpack(body.json() as unknown as Packed) : undefined),
        judge,
      },
    );
    return outcome.value;
  };
  return { ...tool, execute: run };
}

type Execute = (this: unknown, input: unknown, options: unknown) => unknown;

function runnable(tool: Runnable, name: string, options: CachedToolOptions): Execute {
  const { execute } = tool;
  if (typeof execute !== "function")
    throw checks.error(`${name} has no execute: what runs elsewhere cannot be cached here.`);
  if (Object.prototype.toString.call(execute) === "[object AsyncGeneratorFunction]")
    throw checks.error(`${name} yields preliminary results: it cannot be cached.`);
  const { readOnlyHint } = checkToolOptions(checks, name, tool, options);
  const { needsApproval } = tool as { readonly needsApproval?: unknown };
  if (needsApproval !== undefined && needsApproval !== false && readOnlyHint !== true)
    throw checks.error(
      `calls of ${name} have to be approved, so they may do something: say annotations.readOnlyHint if they do not.`,
    );
  return execute as Execute;
}

function judge(result: unknown): Verdict {
  if (result === undefined) return "pass";
  return typeof result === "object" && result !== null && (result as { readonly isError?: unknown }).isError === true
    ? "pass"
    : "store";
}
