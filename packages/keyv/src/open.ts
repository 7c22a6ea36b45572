import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LLMCacheError } from "@llmcache/core";
import { masked, parametersOf, schemeOf, type OpenOptions, type OpenStore } from "@llmcache/core/open";
import { BACKENDS, type Backend } from "./backends.ts";
import { isAdapter, isInstance, type KeyvAdapter } from "./keyv-shape.ts";
import { KeyvStore } from "./keyv-store.ts";
import { LateAdapter } from "./late-adapter.ts";

const PARAMETERS = { namespace: "text", maxEntryBytes: "bytes", timeout: "durationMs" } as const;
const DEFAULT_NAMESPACE = "llmcache";
const NAMESPACE = /^[A-Za-z0-9._-]{1,100}$/;

type AdapterClass = new (argument: unknown) => KeyvAdapter;

/**
 * Opens `keyv:` and the URL of a backend: `keyv:postgres://user:password@host/database`, `keyv:sqlite:./cache.db`. The adapter's
 * package is imported on demand. It connects with the first call, so that a server that is down is a failing store, which
 * works as soon as the server does.
 *
 * Its parameters are `namespace` (default `llmcache`), `maxEntryBytes` and `timeout`; all others are the backend's. `codec` of
 * the options is used, `clock` is not: the backend drops entries by its own.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` for another backend, a wrong parameter, and a package that is not installed.
 */
export const open: OpenStore = async (url, options) => {
  const inner = url.slice(url.indexOf(":") + 1);
  const backend = backendOf(inner);
  const [rest, mine] = splitParameters(inner, backend);
  const { namespace = DEFAULT_NAMESPACE, maxEntryBytes, timeout } = parametersOf(mine, PARAMETERS);
  if (!NAMESPACE.test(namespace))
    throw wrong(`namespace must be 1 to 100 of A-Z a-z 0-9 . _ -, not ${JSON.stringify(namespace)}.`);
  const AdapterOf = await classOf(backend, options);
  const isOfKeyv6 = "capabilities" in AdapterOf.prototype;
  const wrap = isOfKeyv6 ? undefined : await wrapperOf(options);
  const adapter = new LateAdapter({
    make: () => make(AdapterOf, backend, rest, isOfKeyv6 ? namespace : undefined, wrap),
    namespace: isOfKeyv6 ? namespace : undefined,
    canList: "iterator" in AdapterOf.prototype,
  });
  return new KeyvStore({
    adapter,
    // Adapters of Keyv 5 cannot be trusted to keep to a namespace.
    prefix: isOfKeyv6 ? "" : `${namespace}:`,
    codec: options.codec,
    maxEntryBytes,
    timeoutMs: timeout,
    disconnect: true,
  });
};

function backendOf(inner: string): Backend {
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.test(inner) ? schemeOf(inner) : "";
  const backend = Object.hasOwn(BACKENDS, scheme) ? BACKENDS[scheme] : undefined;
  if (backend !== undefined) return backend;
  throw wrong(
    `After keyv: comes the URL of a backend, not ${masked(inner)}; known are ${Object.keys(BACKENDS).join(", ")}. For others make the Keyv yourself: new KeyvStore({ keyv }).`,
  );
}

/** The backend's own URL, and one with the parameters of this package. */
function splitParameters(inner: string, backend: Backend): [rest: string, mine: string] {
  const at = inner.indexOf("?");
  if (at < 0) return [inner, "keyv:"];
  const [rest, mine]: [string[], string[]] = [[], []];
  for (const parameter of inner.slice(at + 1).split("&")) {
    const name = parameter.replace(/=.*$/s, "");
    (Object.hasOwn(PARAMETERS, name) || !backend.hasParameters ? mine : rest).push(parameter);
  }
  return [inner.slice(0, at) + (rest.length === 0 ? "" : `?${rest.join("&")}`), `keyv:?${mine.join("&")}`];
}

function make(
  AdapterOf: AdapterClass,
  backend: Backend,
  url: string,
  namespace: string | undefined,
  wrap: ((adapter: unknown) => KeyvAdapter) | undefined,
): KeyvAdapter {
  try {
    const adapter = new AdapterOf(backend.argument(url));
    if (namespace !== undefined) Object.assign(adapter, { namespace });
    return wrap === undefined ? adapter : wrap(adapter);
  } catch (error) {
    // Errors about URLs carry the URL, with its password.
    const reason = error instanceof Error ? error.message.replaceAll(url, masked(url)) : "it cannot be made";
    throw new LLMCacheError("ERR_LLMCACHE_STORE", `${backend.package} refused ${masked(url)}: ${reason}`);
  }
}

async function classOf(backend: Backend, options: OpenOptions): Promise<AdapterClass> {
  const module = await importFrom(backend.package, [backend.package, "keyv"], options);
  const found = module[backend.class] ?? module["default"];
  if (typeof found === "function") return found as AdapterClass;
  throw wrong(`The installed ${backend.package} has no ${backend.class}: install another version.`);
}

/** Keyv's own way to use an adapter of Keyv 5. */
async function wrapperOf(options: OpenOptions): Promise<(adapter: unknown) => KeyvAdapter> {
  const { Keyv } = await importFrom("keyv", ["keyv"], options);
  if (typeof Keyv !== "function") throw wrong("The installed keyv is too old: npm install keyv@6");
  return (adapter) => {
    const keyv: unknown = new (Keyv as new (options: unknown) => unknown)({ store: adapter });
    if (!isInstance(keyv) || !isAdapter(keyv.store)) throw wrong("The installed keyv is too old: npm install keyv@6");
    // Without a listener it would throw where nobody catches; what matters is told by the calls.
    (keyv as unknown as KeyvAdapter).on?.("error", () => undefined);
    return keyv.store;
  };
}

/** As the application would import it, wherever this package is installed. */
async function importFrom(
  name: string,
  needed: readonly string[],
  { from }: OpenOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const folder =
    from === undefined
      ? process.cwd()
      : typeof from === "string" && !from.startsWith("file:")
        ? from
        : fileURLToPath(from);
  let path: string;
  try {
    path = createRequire(join(folder, "noop.js")).resolve(name);
  } catch (cause) {
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `This keyv: URL needs the package ${name}, which is not installed: npm install ${needed.join(" ")}`,
      { cause },
    );
  }
  return (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
}

function wrong(message: string): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", message);
}
