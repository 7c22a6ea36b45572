import { randomUUID } from "node:crypto";
import { Body } from "./body.ts";
import type { Entry } from "./entry.ts";
import { requestKey } from "./key.ts";
import type { Settings } from "./settings.ts";
import type { Store, StoreHit } from "./store.ts";

/**
 * Tags have generations: random ids, kept in the store like entries. An entry notes those of its tags from before the provider
 * was asked, and is served only as long as they are the same; invalidating a tag gives it another. No clocks are compared, and a
 * generation that was lost is a miss.
 */

const OPERATION = "llmcache.tag";

/** Does something with a store, in time. */
export type StoreWork = <T>(
  settings: Settings,
  what: string,
  start: (store: Store, signal: AbortSignal) => Promise<T>,
) => Promise<T>;

/** The generations of the tags that an answer will carry. */
export type Generations = Readonly<Record<string, string>>;

/** Reads generations, each once, those asked for in one turn together. */
export class TagReader {
  readonly #settings: Settings;
  readonly #work: StoreWork;
  #known: Map<string, Promise<string | undefined>> | undefined;
  #wanted: Map<string, PromiseWithResolvers<string | undefined>> | undefined;

  constructor(settings: Settings, work: StoreWork) {
    this.#settings = settings;
    this.#work = work;
  }

  /** Are all the generations that an entry carries still in force? Rejects if they cannot be read. */
  async areCurrent(carried: Generations): Promise<boolean> {
    const tags = Object.keys(carried);
    const generations = await Promise.all(tags.map((tag) => this.#read(tag)));
    return tags.every((tag, index) => generations[index] === carried[tag]);
  }

  /** Starts reading, for those who will ask. */
  prepare(tags: readonly string[]): void {
    for (const tag of tags) this.#read(tag).catch(() => undefined);
  }

  /** The generations of these tags, for a new answer; a tag without one gets one. Rejects if that cannot be. */
  async forAnswer(tags: readonly string[]): Promise<Generations> {
    const known = await Promise.all(
      tags.map(async (tag) => [tag, (await this.#read(tag)) ?? (await this.#begin(tag))] as const),
    );
    return Object.fromEntries(known);
  }

  #read(tag: string): Promise<string | undefined> {
    this.#known ??= new Map<string, Promise<string | undefined>>();
    const known = this.#known.get(tag);
    if (known !== undefined) return known;
    if (this.#wanted === undefined) {
      this.#wanted = new Map<string, PromiseWithResolvers<string | undefined>>();
      queueMicrotask(() => void this.#fetch());
    }
    const wanted = Promise.withResolvers<string | undefined>();
    this.#wanted.set(tag, wanted);
    this.#known.set(tag, wanted.promise);
    return wanted.promise;
  }

  async #fetch(): Promise<void> {
    const wanted = [...(this.#wanted ?? [])];
    this.#wanted = undefined;
    try {
      const hits = await this.#get(wanted.map(([tag]) => tag));
      for (const [index, [, { resolve }]] of wanted.entries()) resolve(generationOf(hits[index]));
    } catch (error) {
      for (const [, { reject }] of wanted) reject(error);
    }
  }

  #get(tags: readonly string[]): Promise<readonly (StoreHit | undefined)[]> {
    const keys = tags.map((tag) => ({ id: tagId(tag, this.#settings) }));
    // Of tiers all are asked: only one keeps generations, and a slice's are where it was cut from.
    return this.#work(this.#settings, "get", async (store, signal) => {
      if (keys.length > 1 && store.getMany !== undefined) return store.getMany(keys, { signal });
      return Promise.all(keys.map((key) => store.get(key, { signal })));
    });
  }

  /** Two that begin the same tag at once agree on one generation. */
  async #begin(tag: string): Promise<string> {
    const entry = tagEntry(tag, this.#settings);
    const own = entry.body.json() as string;
    const isOurs = await this.#work(this.#settings, "add", (store, signal) => originOf(store).add(entry, { signal }));
    const there = isOurs ? own : generationOf((await this.#get([tag]))[0]);
    if (there !== undefined) return there;
    // What is there is no generation.
    await this.#work(this.#settings, "set", (store, signal) => originOf(store).set(entry, { signal }));
    return own;
  }
}

/** New generations of these tags: whatever carries an earlier one is served no more. */
export async function newGenerations(tags: readonly string[], settings: Settings, work: StoreWork): Promise<void> {
  const entries = tags.map((tag) => tagEntry(tag, settings));
  await work(settings, "set", async (store, signal) => {
    const origin = originOf(store);
    if (entries.length > 1 && origin.setMany !== undefined) return origin.setMany(entries, { signal });
    await Promise.all(entries.map((entry) => origin.set(entry, { signal })));
  });
}

/** The store that decides: of tiers the farthest. */
export function originOf(store: Store): Store {
  let origin = store;
  while (origin.origin !== undefined && origin.origin !== origin) origin = origin.origin;
  return origin;
}

/** Tags belong to the cache's own namespace: those of runs and calls within it share them. */
function tagId(tag: string, settings: Settings): string {
  const { secret, control } = settings;
  return requestKey({ operation: OPERATION, prompt: tag }, { secret, namespaces: { cache: control.namespace } }).id;
}

function tagEntry(tag: string, settings: Settings): Entry {
  return {
    id: tagId(tag, settings),
    createdAt: settings.clock(),
    metadata: { operation: OPERATION },
    body: Body.json(randomUUID()),
  };
}

function generationOf(hit: StoreHit | undefined): string | undefined {
  const body = hit?.entry.metadata.operation === OPERATION ? hit.entry.body : undefined;
  if (body?.kind !== "json") return undefined;
  try {
    const generation = body.json();
    return typeof generation === "string" ? generation : undefined;
  } catch {
    return undefined;
  }
}
