import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LLMCacheError } from "@llmcache/core";

/** Where the packages of a local model are looked for. */
export interface PeerOptions {
  /** Where the application is installed. @default the working directory */
  readonly from?: string | URL | undefined;
}

/** Packages that are installed by those who use them. */
export class Peers {
  readonly #owner: string;
  readonly #require: NodeJS.Require;
  readonly #install: string;

  /**
   * @param owner whose packages they are, for the messages
   * @param install all that have to be installed for it
   */
  constructor(owner: string, install: readonly string[], from: string | URL = process.cwd()) {
    this.#owner = owner;
    this.#install = install.join(" ");
    const given = from instanceof URL || from.startsWith("file:") ? fileURLToPath(from) : resolve(from);
    // `import.meta.url` is a file.
    const file = existsSync(given) && statSync(given).isFile();
    this.#require = createRequire(file ? given : join(given, "noop.js"));
  }

  /** Where the package is, as the application would find it. @throws LLMCacheError `ERR_LLMCACHE_OPTION` that says what to install. */
  find(name: string): string {
    try {
      return this.#require.resolve(name);
    } catch (cause) {
      throw new LLMCacheError(
        "ERR_LLMCACHE_OPTION",
        `${this.#owner} needs the package ${name}, which is not installed: npm install ${this.#install}`,
        { cause },
      );
    }
  }

  /** Imports what {@link find} finds. */
  async import(name: string): Promise<unknown> {
    const module = (await import(pathToFileURL(this.find(name)).href)) as { readonly default?: unknown };
    // Of CommonJS the default export is all of it, whatever Node could tell of its names.
    return typeof module.default === "object" && module.default !== null ? module.default : module;
  }
}
