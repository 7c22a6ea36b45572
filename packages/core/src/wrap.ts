import {
  resolveCacheOption,
  type AnswerCache,
  type CacheOption,
  type CallOptions,
  type StreamOptions,
  type Verdict,
} from "./answer-cache.ts";
import type { Body } from "./body.ts";
import { checkControl, type CacheControl } from "./control.ts";
import type { EntryHead } from "./entry.ts";
import { LLMCacheError } from "./errors.ts";
import { isPlainObject, type Json, type JsonObject } from "./json.ts";
import type { CacheRequest } from "./key.ts";

/** What can be wrapped: a function that gives a promise, or an async generator function. */
// oxlint-disable-next-line typescript/no-explicit-any -- parameters of a function type are contravariant: unknown would admit none
export type Cacheable = (...args: any[]) => Promise<unknown> | AsyncIterable<unknown>;

/** What a function gives: the value of its promise, or the list of what it yields. */
export type ResultOf<F extends Cacheable> =
  ReturnType<F> extends AsyncIterable<infer C> ? readonly C[] : Awaited<ReturnType<F>>;

/**
 * Options of `wrap` and `cached`; the controls hold for all calls of the function. In the key are: the function's name,
 * `version`, the arguments, which must be JSON, and what it is called on: the class and own enumerable fields of an instance,
 * the name and static fields of a class, the data of a plain object (its functions are not). Private `#fields` cannot be
 * seen. `key` replaces arguments and `this`. Where any of it is no JSON, the call goes past the cache, with an event.
 */
export interface WrapOptions<F extends Cacheable> extends CacheControl {
  /** Names the function in the key. @default its own name */
  readonly name?: string | undefined;
  /** What identifies a call, in the place of its arguments and its `this`. */
  readonly key?: ((this: ThisParameterType<F>, ...args: Parameters<F>) => Json) | undefined;
  /** Which calls are cached. @default all */
  readonly when?: ((this: ThisParameterType<F>, ...args: Parameters<F>) => boolean) | undefined;
  /** Which results are stored. @default all but `undefined` */
  readonly judge?: ((result: ResultOf<F>) => Verdict) | undefined;
  /** The stored form of a result that is no JSON. Without it such results are not stored, with an event. */
  readonly encode?: ((result: ResultOf<F>) => Json | Uint8Array) | undefined;
  /** The way back; needed with `encode`. */
  readonly decode?: ((body: Body, head: EntryHead) => ResultOf<F> | undefined) | undefined;
}

/** A wrapped function. */
export type Wrapped<F extends Cacheable> = F & {
  /** The same function under another control or cache: `ask.with({ noCache: true })(question)`. */
  with(option: CacheOption): F;
};

/** A standard decorator for methods. */
export type MethodDecorator<F extends Cacheable> = <M extends F>(method: M, context: ClassMethodDecoratorContext) => M;

/** Which function has which name in one cache: two under one name would answer for each other. */
export class FunctionNames {
  readonly #functions: Map<string, Cacheable> = new Map<string, Cacheable>();

  claim(name: string, fn: Cacheable): void {
    const known = this.#functions.get(name);
    if (known !== undefined && known !== fn) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `name: another function is cached as ${JSON.stringify(name)}: give one of them a name of its own.`,
      );
    }
    this.#functions.set(name, fn);
  }
}

/** See `LLMCache.wrap`. */
export function wrap<F extends Cacheable>(
  cache: AnswerCache,
  names: FunctionNames,
  fn: F,
  options: WrapOptions<F>,
): Wrapped<F> {
  if (typeof fn !== "function") throw new LLMCacheError("ERR_LLMCACHE_OPTION", "wrap takes a function.");
  const { name = fn.name } = options;
  if (typeof name !== "string" || name === "") {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      "name is missing: the function has none of its own, and it stands in the key.",
    );
  }
  if ((options.encode === undefined) !== (options.decode === undefined)) {
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", "encode and decode belong together: give both or none.");
  }
  const { key: _key, when: _when, judge: _judge, encode: _encode, decode: _decode, name: _name, ...control } = options;
  checkControl(control, "");
  names.claim(name, fn);
  const call = isGeneratorFunction(fn) ? callGenerator : callFunction;
  const under = (option: CacheOption | undefined): F => {
    const wrapped = function (this: unknown, ...args: unknown[]): Promise<unknown> | AsyncIterable<unknown> {
      return call({ cache, name, fn, options, control, option }, this, args);
    };
    Object.defineProperty(wrapped, "name", { value: fn.name, configurable: true });
    Object.defineProperty(wrapped, "length", { value: fn.length, configurable: true });
    wrappedFunctions.add(wrapped);
    return Object.assign(wrapped, fn);
  };
  return Object.assign(under(undefined), { with: under });
}

/** Fields that hold a wrapped function are no state of the object they are on. */
const wrappedFunctions: WeakSet<object> = new WeakSet<object>();

/** See `LLMCache.cached`. */
export function cachedMethod<F extends Cacheable>(
  cache: AnswerCache,
  names: FunctionNames,
  options: WrapOptions<F>,
): MethodDecorator<F> {
  return (method, context) => {
    const own = typeof context.name === "string" ? context.name : undefined;
    const name = options.name ?? own;
    return wrap(cache, names, method, { ...options, ...(name === undefined ? {} : { name }) } as WrapOptions<
      typeof method
    >);
  };
}

/** A wrapped function, as it is called. */
interface WrappedCall {
  readonly cache: AnswerCache;
  readonly name: string;
  readonly fn: Cacheable;
  readonly options: WrapOptions<Cacheable>;
  /** The controls among the options. */
  readonly control: CacheControl;
  /** What `with` was given. */
  readonly option: CacheOption | undefined;
}

type Call = (wrapped: WrappedCall, self: unknown, args: unknown[]) => Promise<unknown> | AsyncIterable<unknown>;

const callFunction: Call = async (wrapped, self, args) => {
  const { cache = wrapped.cache, control } = resolveCacheOption(wrapped.option, wrapped.cache);
  const { name, fn, options } = wrapped;
  const produce = async (): Promise<unknown> => {
    const result: unknown = fn.apply(self, args);
    if (isIterable(result)) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `${name} gave an async iterable: to be wrapped, it must be written as async function*.`,
      );
    }
    return result;
  };
  const outcome = await cache.through(
    requestOf(name, options, self, args),
    produce,
    callOptions(wrapped, control, self, args),
  );
  return outcome.value;
};

const callGenerator: Call = async function* (wrapped, self, args) {
  const { cache = wrapped.cache, control } = resolveCacheOption(wrapped.option, wrapped.cache);
  const { name, fn, options } = wrapped;
  const outcome = await cache.stream(
    requestOf(name, options, self, args),
    () => fn.apply(self, args) as AsyncIterable<unknown>,
    {
      encode: (chunks: unknown) => chunks as Json,
      decode: (body: Body) => (body.kind === "json" ? (body.json() as unknown[]) : undefined),
      ...callOptions(wrapped, control, self, args),
    } as StreamOptions<unknown>,
  );
  yield* outcome.value;
};

function callOptions(
  wrapped: WrappedCall,
  control: CacheControl,
  self: unknown,
  args: unknown[],
): CallOptions<unknown> {
  const { encode, decode, judge, when } = wrapped.options;
  const use = when === undefined || when.apply(self as never, args as never) ? {} : { use: false };
  return {
    ...wrapped.control,
    ...use,
    ...control,
    unkeyable: "bypass",
    ...(encode === undefined ? {} : { encode }),
    ...(decode === undefined ? {} : { decode }),
    ...(judge === undefined ? {} : { judge }),
  };
}

/** A request that has no identity (arguments that are no JSON) makes the cache step aside, with an event. */
function requestOf(name: string, options: WrapOptions<Cacheable>, self: unknown, args: unknown[]): CacheRequest {
  const operation = `function:${name}`;
  if (options.key !== undefined)
    return { operation, settings: { key: true }, prompt: options.key.apply(self as never, args as never) };
  const state = stateOf(self);
  return { operation, prompt: promptOf(args), ...(state === undefined ? {} : { settings: { this: state } }) };
}

/** One text is the prompt itself; otherwise arguments by position, so that those left out and `undefined` are the same. */
function promptOf(args: readonly unknown[]): Json {
  const [first] = args;
  if (typeof first === "string" && args.every((arg, index) => index === 0 || arg === undefined)) return first;
  return Object.fromEntries(args.entries()) as JsonObject;
}

/** What the function may see through `this`, as far as it can be seen: two objects that differ in it must not answer for each other. */
function stateOf(self: unknown): Json | undefined {
  if (typeof self === "function") return { class: self.name, static: dataOf(inherited(self), false) };
  if (
    typeof self !== "object" ||
    self === null ||
    self === globalThis ||
    Object.prototype.toString.call(self) === "[object Module]"
  )
    return undefined;
  // A plain object that functions were put on: a set of functions has no state, other members are.
  if (isPlainObject(self)) {
    const data = dataOf(self, true);
    return isEmpty(data) ? undefined : { data };
  }
  return { class: classNames(self), fields: dataOf(self, false) };
}

/** Enumerable members but wrapped functions. Other functions are left out, or in, where they make the call one without identity. */
function dataOf(self: object, withoutFunctions: boolean): JsonObject {
  const members = Object.entries(self).filter(([, value]) => {
    return typeof value !== "function" || !(withoutFunctions || wrappedFunctions.has(value as object));
  });
  return Object.fromEntries<Json>(members as [string, Json][]);
}

/** Also static fields of the classes that it extends. */
function inherited(self: object): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const name in self) all[name] = (self as Record<string, unknown>)[name];
  return all;
}

/** A method that a subclass inherits may call others that it overrides. */
function classNames(self: object): Json {
  const names: string[] = [];
  for (
    let at: unknown = Object.getPrototypeOf(self);
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    const own: unknown = Object.getOwnPropertyDescriptor(at, "constructor")?.value;
    names.push(typeof own === "function" ? own.name : "");
  }
  return names;
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0;
}

function isIterable(value: unknown): boolean {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value && !("then" in value);
}

function isGeneratorFunction(fn: Cacheable): boolean {
  return Object.prototype.toString.call(fn) === "[object AsyncGeneratorFunction]";
}
