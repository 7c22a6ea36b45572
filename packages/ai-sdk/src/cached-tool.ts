import {
  currentCache,
  LLMCacheError,
  OptionChecks,
  type AnswerCache,
  type CacheControl,
  type Duration,
  type Json,
  type Verdict,
} from "@llmcache/core";
import { identityJson } from "./identity-json.ts";
import { pack, unpack, type Packed } from "./pack.ts";

/** What a tool says about itself, as tools of MCP servers do. */
export interface ToolAnnotations {
  readonly readOnlyHint?: boolean | undefined;
  readonly destructiveHint?: boolean | undefined;
}

/** Whose results these are: a name, what gives it from the input and the options of a call, or `false` where they are the same for everybody. */
export type Tenant<Input = unknown, Options = unknown> = string | false | ((input: Input, options: Options) => string);

/** Options of {@link cachedTool}. */
export interface CachedToolOptions<Input = unknown, Options = unknown> {
  /** The tool's name: it stands in the key, and a tool of the AI SDK does not know its own. */
  readonly name: string;
  /** How long a result may be served: what a tool looks at changes. */
  readonly ttl: Duration;
  /** Results of one tenant are never served to another. Say `false` where there are no tenants. */
  readonly tenant: Tenant<Input, Options>;
  /** Raised when the tool begins to give other results. @default none */
  readonly version?: string | undefined;
  /** What the tool does, where it does not say so itself; wins over `annotations` and `metadata.annotations` of the tool. @default what it says */
  readonly annotations?: ToolAnnotations | undefined;
  /** @default the cache in force (`cache.run(…)`); with none there, calls only pass */
  readonly cache?: AnswerCache | undefined;
  /** Further controls of all calls. */
  readonly control?: Omit<CacheControl, "ttl" | "version"> | undefined;
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
  if (ttl === undefined) throw checks.error(`ttl is missing: say how long a result of ${name} may be served.`);
  if (tenant !== false && typeof tenant !== "string" && typeof tenant !== "function")
    throw checks.wrong("tenant", "a name, a function that gives one, or false where all may share results", tenant);
  const execute = runnable(tool, name, options.annotations);

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
        settings: { tenant: tenantOf(tenant, input, callOptions, name), ...(version === undefined ? {} : { version }) },
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

function runnable(tool: Runnable, name: string, given: ToolAnnotations | undefined): Execute {
  const { execute } = tool;
  if (typeof execute !== "function")
    throw checks.error(`${name} has no execute: what runs elsewhere cannot be cached here.`);
  if (Object.prototype.toString.call(execute) === "[object AsyncGeneratorFunction]")
    throw checks.error(`${name} yields preliminary results: it cannot be cached.`);
  const { annotations, metadata, needsApproval } = tool as {
    readonly annotations?: ToolAnnotations;
    readonly metadata?: { readonly annotations?: ToolAnnotations };
    readonly needsApproval?: unknown;
  };
  const said = given ?? annotations ?? metadata?.annotations ?? {};
  if (said.readOnlyHint === false || (said.destructiveHint === true && said.readOnlyHint !== true))
    throw checks.error(`${name} says that it has side effects: a cached call would not have them.`);
  if (needsApproval !== undefined && needsApproval !== false && said.readOnlyHint !== true)
    throw checks.error(
      `calls of ${name} have to be approved, so they may do something: say annotations.readOnlyHint if they do not.`,
    );
  return execute as Execute;
}

function tenantOf(tenant: Tenant, input: unknown, options: unknown, name: string): Json {
  if (tenant === false) return null;
  const given: unknown = typeof tenant === "function" ? tenant(input, options) : tenant;
  if (typeof given === "string" && given !== "") return given;
  throw checks.wrong(`the tenant of a call of ${name}`, "a name", given);
}

function judge(result: unknown): Verdict {
  if (result === undefined) return "pass";
  return typeof result === "object" && result !== null && (result as { readonly isError?: unknown }).isError === true
    ? "pass"
    : "store";
}
