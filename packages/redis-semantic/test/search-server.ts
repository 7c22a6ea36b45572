import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { cosine } from "@llmcache/similarity";
import { CommandReader, encodeReply, type Reply } from "./resp.ts";

/** What servers with search differ in. */
export interface SearchDialect {
  readonly name: string;
  /** valkey-search: hits in no order, fields in another one, no SORTBY on the distance, unknown indexes told in other words. */
  readonly isValkey: boolean;
  /** Has nothing that searches vectors. */
  readonly hasNone?: boolean;
}

interface Index {
  readonly prefix: string;
  readonly field: string;
  readonly dimensions: number;
}

const QUERY = /^\(@scope:\{([0-9a-f]{64})\}\)=>\[KNN (\d+) @(\w+) \$(\w+) AS (\w+)\]$/;

/**
 * A server that has search and no vector sets: a real Redis behind it does everything but FT.*, which is done here, strictly: only
 * what both RediSearch and valkey-search are known to take.
 */
export class SearchServer {
  readonly commands: string[][] = [];
  readonly #dialect: SearchDialect;
  readonly #back: Redis;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set<Socket>();
  readonly indexes: Map<string, Index> = new Map<string, Index>();

  constructor(url: string, dialect: SearchDialect) {
    this.#dialect = dialect;
    this.#back = new Redis(url);
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    this.#back.disconnect();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket)).on("error", () => undefined);
    const reader = new CommandReader();
    let turn = Promise.resolve();
    socket.on("data", (chunk: Buffer) => {
      for (const words of reader.read(chunk)) {
        turn = turn.then(async () => {
          const reply = await this.#answer(words).catch((error: unknown) => error as Error);
          if (!socket.destroyed) socket.write(encodeReply(reply));
        });
      }
    });
  }

  async #answer(words: readonly Buffer[]): Promise<Reply> {
    const [name = "", ...args] = words.map(String);
    const command = name.toLowerCase();
    if (command === "command" && args[0]?.toLowerCase() === "info")
      return args.slice(1).map((one) => (one.startsWith("ft.") && !this.#dialect.hasNone ? [Buffer.from(one)] : null));
    if (command.startsWith("v") || (this.#dialect.hasNone === true && command.startsWith("ft.")))
      throw new Error(`ERR unknown command '${name}'`);
    if (command === "ft.create") return this.#create(args);
    if (command === "ft.search") return this.#search(words.slice(1));
    if (command === "ft.dropindex") return new Error("Unknown Index name");
    return (await this.#back.callBuffer(name, ...words.slice(1))) as Reply;
  }

  #create(args: readonly string[]): Reply {
    this.commands.push(["ft.create", ...args]);
    const [name = "", ...rest] = args;
    // Redis-om's: only what it says is of interest.
    if (name.endsWith(":index")) return "OK";
    const form =
      /^ON HASH PREFIX 1 (.+) SCHEMA scope TAG (\w+) VECTOR HNSW 6 TYPE FLOAT32 DIM (\d+) DISTANCE_METRIC COSINE$/;
    const [, prefix = "", field = "", dimensions] = form.exec(rest.join(" ")) ?? [];
    if (prefix === "") return new Error(`ERR invalid index definition: ${rest.join(" ")}`);
    if (this.indexes.has(name)) return new Error(`Index ${name} already exists.`);
    this.indexes.set(name, { prefix, field, dimensions: Number(dimensions) });
    return "OK";
  }

  async #search(words: readonly Buffer[]): Promise<Reply> {
    const [name = "", query = "", ...args] = words.map(String);
    this.commands.push(["ft.search", name, query, ...args.filter((_, index) => index !== 3)]);
    if (name.endsWith(":index")) return [0];
    const index = this.indexes.get(name);
    if (index === undefined) return this.#unknown();
    const [, scope, count, field, parameter, alias] = QUERY.exec(query) ?? [];
    const tail = args.filter((_, at) => at !== 3).join(" ");
    if (
      scope === undefined ||
      field !== index.field ||
      tail !== `PARAMS 2 ${parameter} RETURN 1 ${alias} LIMIT 0 ${count} DIALECT 2`
    )
      return new Error(`ERR invalid query: ${query} ${tail}`);
    const wanted = floats(words[5] as Buffer);
    if (wanted.length !== index.dimensions)
      return new Error("ERR Error parsing vector similarity query: query vector blob size does not match");
    const found = await this.#nearest(index, scope, wanted, Number(count));
    const rows = found.flatMap(({ key, distance }): Reply[] => [
      Buffer.from(key),
      [Buffer.from(alias as string), Buffer.from(String(distance))],
    ]);
    return [found.length, ...rows];
  }

  async #nearest(
    { prefix, field }: Index,
    scope: string,
    wanted: Float32Array,
    count: number,
  ): Promise<readonly { readonly key: string; readonly distance: number }[]> {
    const found: { key: string; distance: number }[] = [];
    const pattern = `${prefix.replaceAll(/[*?[\]\\^-]/g, String.raw`\$&`)}*`;
    for await (const keys of this.#back.scanStream({ match: pattern, count: 1000 })) {
      for (const key of keys as string[]) {
        const [tag, vector] = await this.#back.hmgetBuffer(key, "scope", field);
        if (String(tag) !== scope || !vector) continue;
        found.push({ key, distance: 1 - signedCosine(wanted, floats(vector)) });
      }
    }
    const nearest = found.sort((a, b) => a.distance - b.distance).slice(0, count);
    return this.#dialect.isValkey ? nearest.toReversed() : nearest;
  }

  #unknown(): Error {
    return new Error(
      this.#dialect.isValkey ? "Index with name 'x' not found in database 0" : "SEARCH_INDEX_NOT_FOUND no such index",
    );
  }
}

function floats(bytes: Buffer): Float32Array {
  return Float32Array.from({ length: bytes.byteLength / 4 }, (_, index) => bytes.readFloatLE(index * 4));
}

function signedCosine(a: Float32Array, b: Float32Array): number {
  return (
    cosine(a, b) -
    cosine(
      a,
      b.map((number) => -number),
    )
  );
}

const DIALECTS: readonly SearchDialect[] = [
  { name: "a server like RediSearch", isValkey: false },
  { name: "a server like valkey-search", isValkey: true },
];

/** Servers with search for the tests of a file; the one that LLMCACHE_TEST_SEARCH_URL names among them. */
export function someSearch(redis: {
  readonly url: string;
}): readonly { readonly name: string; readonly open: () => { readonly url: string } }[] {
  const given = process.env["LLMCACHE_TEST_SEARCH_URL"];
  const real = given === undefined || given === "" ? [] : [{ name: "a real server", open: () => ({ url: given }) }];
  return [...DIALECTS.map((dialect) => ({ name: dialect.name, open: () => ownSearch(redis, dialect) })), ...real];
}

export function ownSearch(
  redis: { readonly url: string },
  dialect: SearchDialect = DIALECTS[0] as SearchDialect,
): { readonly url: string; readonly server: SearchServer } {
  let server: SearchServer | undefined;
  let url = "";
  beforeAll(async () => {
    server = new SearchServer(redis.url, dialect);
    url = await server.listen();
  });
  afterAll(() => server?.close());
  return {
    get url() {
      return url;
    },
    get server() {
      return server as SearchServer;
    },
  };
}
