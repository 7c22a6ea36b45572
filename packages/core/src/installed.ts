import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LLMCacheError } from "./errors.ts";

/**
 * Imports what the application has installed, as it would import it, wherever this package is installed.
 *
 * @param specifier a package, or an entry of one: `"@llmcache/redis/open"`.
 * @param from where the application is. `undefined`: the working directory.
 * @param why begins the message if the package is not there: `"redis: stores come with"`.
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` that says what to install.
 */
export async function importInstalled(
  specifier: string,
  from: string | URL | undefined,
  why: string,
): Promise<unknown> {
  const name = packageOf(specifier);
  const folder =
    from === undefined
      ? process.cwd()
      : typeof from === "string" && !from.startsWith("file:")
        ? from
        : fileURLToPath(from);
  try {
    const path = createRequire(join(folder, "noop.js")).resolve(specifier);
    return await import(pathToFileURL(path).href);
  } catch (cause) {
    if (!isNotFound(cause)) throw cause;
    // What it needs itself may be missing: a client that its users install.
    const lacking = packageOf(/Cannot find package '([^']+)'/.exec((cause as Error).message)?.[1] ?? specifier);
    const what = lacking === name ? "which is not installed" : `which needs ${lacking}, and that is not installed`;
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `${why} the package ${name}, ${what}: npm install ${lacking}`, {
      cause,
    });
  }
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

function isNotFound(error: unknown): boolean {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  return code === "MODULE_NOT_FOUND" || code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
}
