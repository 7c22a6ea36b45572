import { createHash, randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import {
  Body,
  LLMCacheError,
  requestKey,
  staleness,
  type Entry,
  type EntryHead,
  type EntryMetadata,
  type Json,
  type Store,
} from "@llmcache/core";

/** The first line of a slice file. */
export interface SliceManifest {
  readonly format: "llmcache-slice";
  readonly version: 1;
  readonly samples: number;
  /** Samples by model; `""` counts those that name none. */
  readonly models: Readonly<Record<string, number>>;
  /** `sha256:` and 64 hex digits, of everything behind the first line. The same samples have the same digest. */
  readonly digest: string;
}

/** Options of {@link exportSlice}. */
export interface ExportOptions {
  /** Which entries. @default all that are not expired */
  readonly where?: ((head: EntryHead) => boolean) | undefined;
}

/** What {@link importSlice} did. */
export interface ImportedSlice {
  readonly manifest: SliceManifest;
  readonly added: number;
  /** Were there already, with the same content. */
  readonly same: number;
  /** Ids of those that were there with other content, which was left as it is: what is replayed differs from the file. */
  readonly different: readonly string[];
}

const FORMAT = "llmcache-slice";
const VERSION = 1;
const ID = /^[0-9a-f]{64}$/;
const ANY_AGE = { sMaxAgeMs: undefined };

/**
 * Writes all samples of a store into one file, which appears whole or not at all: JSON lines, a manifest and then a sample each, in the
 * order of their ids. They are held in memory meanwhile.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_UNSUPPORTED` if the store cannot list; what the store or the file system throws.
 */
export async function exportSlice(store: Store, path: string, options: ExportOptions = {}): Promise<SliceManifest> {
  const { where = () => true } = options;
  if (store.entries === undefined)
    throw new LLMCacheError("ERR_LLMCACHE_UNSUPPORTED", `The ${store.name} store cannot list its entries.`);
  const now = Date.now();
  const lines = new Map<string, string>();
  const models: Record<string, number> = Object.create(null) as Record<string, number>;
  for await (const { head, body } of store.entries({ bodies: true })) {
    if (body === undefined || lines.has(head.id) || staleness(head, ANY_AGE, now) !== undefined || !where(head))
      continue;
    lines.set(head.id, lineOf(head, body));
    const model = head.metadata.model ?? "";
    models[model] = (models[model] ?? 0) + 1;
  }
  const sorted = [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line);
  const content = sorted.map((line) => `${line}\n`).join("");
  const manifest: SliceManifest = {
    format: FORMAT,
    version: VERSION,
    samples: sorted.length,
    models: Object.fromEntries(Object.entries(models).sort(([a], [b]) => (a < b ? -1 : 1))),
    digest: digestOf(content),
  };
  const temporary = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, `${JSON.stringify(manifest)}\n${content}`, { flag: "wx", flush: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return manifest;
}

/**
 * Adds the samples of a file to a store, once all of the file has been checked against its manifest. What is there already stays.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_VALUE` if the file is not what its manifest says, with nothing written.
 */
export async function importSlice(path: string, store: Store): Promise<ImportedSlice> {
  const text = await readFile(path, "utf8");
  const end = text.indexOf("\n");
  const manifest = manifestOf(path, text.slice(0, end < 0 ? text.length : end));
  const content = end < 0 ? "" : text.slice(end + 1);
  if (digestOf(content) !== manifest.digest) throw damaged(path, "its digest is another");
  const entries = content
    .split("\n")
    .slice(0, -1)
    .map((line, index) => entryOf(path, line, index + 2));
  if (entries.length !== manifest.samples) throw damaged(path, `it has ${entries.length} samples`);
  let added = 0;
  let same = 0;
  const different: string[] = [];
  for (const entry of entries) {
    if (await store.add(entry)) added++;
    else {
      const there = (await store.get({ id: entry.id }))?.entry.body;
      if (there !== undefined && isEqual(there, entry.body)) same++;
      else different.push(entry.id);
    }
  }
  return { manifest, added, same, different };
}

function lineOf({ id, createdAt, staleAt, deleteAt, metadata, request }: EntryHead, body: Body): string {
  const content =
    body.kind === "json" ? { json: body.json() } : { bytes: Buffer.from(body.bytes()).toString("base64") };
  return JSON.stringify({ id, createdAt, staleAt, deleteAt, metadata, request, ...content });
}

function entryOf(path: string, line: string, number: number): Entry {
  try {
    const { id, createdAt, staleAt, deleteAt, metadata, request, json, bytes } = JSON.parse(line) as {
      readonly id: string;
      readonly createdAt: number;
      readonly staleAt?: number;
      readonly deleteAt?: number;
      readonly metadata: EntryMetadata;
      readonly request?: Json;
      readonly json?: Json;
      readonly bytes?: string;
    };
    if (!ID.test(id) || typeof createdAt !== "number" || typeof metadata !== "object" || metadata === null)
      throw new Error("it lacks an id, an instant or metadata");
    return {
      id,
      createdAt,
      ...(staleAt === undefined ? {} : { staleAt }),
      ...(deleteAt === undefined ? {} : { deleteAt }),
      metadata,
      ...(request === undefined ? {} : { request }),
      body: bytes === undefined ? Body.json(json) : Body.bytes(Buffer.from(bytes, "base64")),
    };
  } catch (error) {
    throw damaged(path, `line ${number} is no sample`, error);
  }
}

function manifestOf(path: string, line: string): SliceManifest {
  let manifest: Partial<SliceManifest> | null = null;
  try {
    manifest = JSON.parse(line) as Partial<SliceManifest> | null;
  } catch {
    // Said below.
  }
  if (manifest?.format !== FORMAT) throw damaged(path, "it has no manifest");
  if (manifest.version !== VERSION) throw damaged(path, `its version is ${String(manifest.version)}, not ${VERSION}`);
  return manifest as SliceManifest;
}

function isEqual(a: Body, b: Body): boolean {
  if (a.kind !== b.kind) return false;
  // Through the key, which the order of members does not change.
  const idOf = (value: Json): string => requestKey({ operation: "x", prompt: value }).id;
  return a.kind === "json" ? idOf(a.json()) === idOf(b.json()) : Buffer.from(a.bytes()).equals(Buffer.from(b.bytes()));
}

function digestOf(content: string): string {
  return `sha256:${createHash("sha256").update(content, "utf8").digest("hex")}`;
}

function damaged(path: string, why: string, cause?: unknown): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_VALUE", `${path} is no slice that can be imported: ${why}.`, { cause });
}
