import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, link, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve, sep } from "node:path";
import { Body, LLMCacheError } from "@llmcache/core";
import type { Drawn } from "./layer.ts";
import type { Prompt } from "./prompt.ts";
import type { SamplerIdentity } from "./sampler.ts";
import type { Prepared, Shelf, Shelved } from "./shelf.ts";

const TEMPERATURE_DECIMALS = 3;
/** File systems that know no hard links say one of these. */
const NO_LINKS: ReadonlySet<unknown> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV", "EMLINK"]);

/**
 * The directory format of cached_llm: `<root>/<alias>_<temperature>/<sha256 of the prompt>/<position>.md`, each file the text as it is.
 * Files of other names are left alone; a position without a file is a miss, whatever there is behind it.
 */
export class DirectoryShelf implements Shelf {
  readonly name: string;
  /** Several files at once. */
  readonly readMany: Shelf["readMany"] = (prompt, positions, signal) =>
    Promise.all(positions.map((position) => this.read(prompt, position, signal)));
  readonly lease = undefined;
  readonly #folder: string;

  /** @throws LLMCacheError if the identity has no place in the format, or would be outside of the root. */
  constructor(root: string, identity: SamplerIdentity) {
    if (root === "") throw new LLMCacheError("ERR_LLMCACHE_OPTION", "persistent: the path is empty.");
    const home = /^~(?=$|[\\/])/.test(root) ? join(homedir(), root.slice(1)) : root;
    this.#folder = join(resolve(home), ...folderOf(identity));
    this.name = `directory ${root}`;
  }

  check({ request }: Prompt): void {
    const { prompt } = request;
    if (typeof prompt !== "string")
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        `The ${this.name} keeps samples of prompts that are text; for messages give persistent a store.`,
      );
    // All of them would be hashed as the same replacement character.
    if (!prompt.isWellFormed())
      throw new LLMCacheError("ERR_LLMCACHE_REQUEST", `The ${this.name} needs prompts that are well-formed Unicode.`);
  }

  async read(prompt: Prompt, position: number, signal: AbortSignal | undefined): Promise<Shelved | undefined> {
    const path = join(this.#folderOf(prompt), `${position}.md`);
    let bytes: Buffer;
    try {
      bytes = await readFile(path, signal === undefined ? {} : { signal });
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      signal?.throwIfAborted();
      throw this.#failed("read", error);
    }
    try {
      return { body: Body.json(decode(bytes)), metadata: {}, path };
    } catch (error) {
      throw this.#failed("read", new Error(`${path} is not UTF-8`, { cause: error }));
    }
  }

  prepare(prompt: Prompt, position: number, drawn: Drawn): Prepared {
    const value = drawn.body.json();
    if (typeof value !== "string")
      throw new LLMCacheError(
        "ERR_LLMCACHE_UNSUPPORTED",
        `The ${this.name} keeps samples that are text, and no other.`,
      );
    const text = value.toWellFormed();
    const folder = this.#folderOf(prompt);
    const path = join(folder, `${position}.md`);
    return {
      kept: { body: Body.json(text), metadata: drawn.metadata, path },
      add: () => this.#add(folder, path, text),
      // A layer below has put it there.
      is: () => drawn.path === path,
    };
  }

  /** The file appears whole, or not at all; never in the place of another. */
  async #add(folder: string, path: string, text: string): Promise<boolean> {
    const temporary = join(folder, `.${randomBytes(8).toString("hex")}.tmp`);
    try {
      await mkdir(folder, { recursive: true });
      await writeFile(temporary, text, { flag: "wx", flush: true });
      try {
        await link(temporary, path);
      } catch (error) {
        if (!NO_LINKS.has(codeOf(error))) throw error;
        await copyFile(temporary, path, constants.COPYFILE_EXCL);
      }
      return true;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw this.#failed("write", error);
      // A network file system may have sent it twice: then our file has two names.
      return await stat(temporary).then(
        ({ nlink }) => nlink > 1,
        () => false,
      );
    } finally {
      await rm(temporary, { force: true }).catch(() => undefined);
    }
  }

  #folderOf({ request }: Prompt): string {
    return join(
      this.#folder,
      createHash("sha256")
        .update(request.prompt as string, "utf8")
        .digest("hex"),
    );
  }

  #failed(what: string, error: unknown): LLMCacheError {
    const message = error instanceof Error ? error.message : String(error);
    return new LLMCacheError("ERR_LLMCACHE_STORE", `The ${this.name} failed to ${what} a sample: ${message}`, {
      cause: error,
    });
  }
}

/** `<alias>_<temperature>`, in as many parts as the alias has slashes. */
function folderOf({ operation: _operation, provider: _provider, model, settings, ...more }: SamplerIdentity): string[] {
  const { temperature, ...others } = (settings ?? {}) as Readonly<Record<string, unknown>>;
  const unknown = Object.entries({ ...more, ...others }).filter(([, value]) => value !== undefined);
  if (unknown.length > 0)
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      `persistent: a directory keeps models and temperatures apart, and nothing else: not ${unknown.map(([name]) => name).join(", ")}. Give a store.`,
    );
  if (typeof model !== "string" || typeof temperature !== "number" || !Number.isFinite(temperature))
    throw new LLMCacheError(
      "ERR_LLMCACHE_UNSUPPORTED",
      "persistent: a directory needs a sampler whose identity has a model and settings.temperature. Give a store.",
    );
  const parts = model.split(sep === "\\" ? /[\\/]/ : "/");
  const last = `${parts.pop() ?? ""}_${temperatureText(temperature)}`;
  if (
    parts.some((part) => part === "" || part === "." || part === "..") ||
    model.includes("\0") ||
    !model.isWellFormed()
  )
    throw new LLMCacheError(
      "ERR_LLMCACHE_OPTION",
      `persistent: the model ${JSON.stringify(model)} is no name for a directory inside of the root; give the sampler an alias.`,
    );
  return [...parts, last];
}

/** 1 → "1", 0.5 → "0.5", 0.0004 → "0". */
function temperatureText(temperature: number): string {
  const text = temperature.toFixed(TEMPERATURE_DECIMALS).replace(/\.?0+$/, "");
  return text === "-0" ? "0" : text;
}

function decode(bytes: Buffer): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

function codeOf(error: unknown): unknown {
  return (error as { readonly code?: unknown } | null)?.code;
}
