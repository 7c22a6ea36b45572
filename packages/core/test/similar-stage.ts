import {
  MapStore,
  type CacheKey,
  type Entry,
  type EntryHead,
  type ListedEntry,
  type Store,
  type StoreAddOptions,
  type StoreCallOptions,
  type StoreHit,
} from "../src/index.ts";

/** Texts are as similar as they share words; from 0.5 on they are candidates. Does everything right, so that it can be broken. */
export class WordStore implements Store {
  readonly contract = 1;
  readonly name: string;
  readonly match = "similar";
  readonly expiry = "swept";
  /** Texts that were compared with others: what an embedder would be asked for. */
  readonly compared: string[] = [];
  readonly rejected: Set<string> = new Set<string>();
  readonly clock: () => number;
  readonly #inner: MapStore = new MapStore();
  /** Waited for before texts are compared. */
  embedding: ((signal: AbortSignal | undefined) => Promise<void>) | undefined;

  constructor(clock: () => number = () => 0, name = "words") {
    this.clock = clock;
    this.name = name;
  }

  async get(key: CacheKey, options?: StoreCallOptions): Promise<StoreHit | undefined> {
    const own = await this.#inner.get({ id: key.id });
    if (own !== undefined && (await options?.accept?.(own, key)) !== false) return own;
    if (key.text === undefined || key.scope === undefined) return undefined;
    this.compared.push(key.text);
    await this.embedding?.(options?.signal);
    for (const hit of await this.candidates(key)) if ((await options?.accept?.(hit, key)) !== false) return hit;
    return undefined;
  }

  async candidates(key: CacheKey): Promise<readonly StoreHit[]> {
    const hits: StoreHit[] = [];
    for await (const { head, body } of this.#inner.entries({ bodies: true })) {
      if (body === undefined || head.text === undefined || head.id === key.id || !this.isBehind(head, key)) continue;
      const similarity = shared(head.text, key.text ?? "");
      const isOver = head.deleteAt !== undefined && head.deleteAt <= this.clock();
      if (similarity < 0.5 || isOver || this.rejected.has(`${key.id} ${head.id}`)) continue;
      hits.push({ entry: { ...head, body }, similarity });
    }
    return hits.sort((a, b) => (b.similarity ?? 0) - (a.similarity ?? 0));
  }

  isBehind(head: EntryHead, key: CacheKey): boolean {
    return head.scope === key.scope;
  }

  async rejectPair(asked: Pick<CacheKey, "id">, stored: Pick<EntryHead, "id">): Promise<void> {
    this.rejected.add(`${asked.id} ${stored.id}`);
  }

  set(entry: Entry): Promise<void> {
    return this.#inner.set(entry);
  }

  add(entry: Entry, options?: StoreAddOptions): Promise<boolean> {
    return this.#inner.add(entry, options);
  }

  delete(key: Pick<CacheKey, "id">): Promise<void> {
    return this.#inner.delete(key);
  }

  clear(): Promise<void> {
    return this.#inner.clear();
  }

  entries(options?: Parameters<MapStore["entries"]>[0]): AsyncGenerator<ListedEntry> {
    return this.#inner.entries(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}

function shared(a: string, b: string): number {
  const [one, two] = [new Set(a.toLowerCase().match(/\w+/g)), new Set(b.toLowerCase().match(/\w+/g))];
  const both = [...one].filter((word) => two.has(word)).length;
  return both / (one.size + two.size - both);
}
