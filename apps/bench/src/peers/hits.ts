import { measure, type Contender, type Effort, type Result } from "../harness.ts";
import { answerOf, requestOf, variant } from "../samples.ts";
import { micro, times, type Bar, type Table, type Verdict } from "../table.ts";
import { OURS, oursElsewhere, PEERS, type Peer, type PeerKind } from "./peers.ts";

const BYTES = 4096;
const ENTRIES = 100;
const MOST_ENTRIES = 10_000;
const CLEARED_AFTER = 5000;
const requests = Array.from({ length: ENTRIES }, (_, seed) => requestOf(BYTES, seed));

/** Microseconds a hit and a miss, for all caches the same requests and answers; the first is the yardstick. */
export async function peerHits(redisUrl: string, effort: Effort): Promise<Table> {
  const kinds = [...OURS, ...PEERS, ...oursElsewhere(redisUrl)];
  const peers: Peer[] = [];
  for (const kind of kinds) peers.push(await kind.open(MOST_ENTRIES, (request) => JSON.stringify(request)));
  try {
    for (const peer of peers) {
      for (const [seed, request] of requests.entries()) await peer.through(request, async () => answerOf(BYTES, seed));
      await shortPause();
    }
    const hits = await measured(kinds, peers, effort, hit);
    const lookups = await measured(kinds, peers, effort, lookup);
    const misses = await measured(kinds, peers, effort, miss);
    return {
      title: "peers: hit and miss, 4 kB in, 4 kB out",
      columns: ["", "hit, µs", "×", "hit with the key at hand, µs", "miss, µs", "×", "what hits give"],
      rows: kinds.map(({ name, kind }) => [
        name,
        ...cells(hits.get(name)),
        cells(lookups.get(name))[0] ?? "",
        ...cells(misses.get(name)),
        kind === "shared" ? "all the same object" : "an object of their own each",
      ]),
      notes: [
        "Keys: `JSON.stringify(request)` for those that make none, the cheapest there is, and no identity (the order of members counts). LLMCache encodes canonically and hashes; with the key at hand nobody does. A miss is lookup, an answer at once, and the write.",
      ],
      verdicts: [fastest(kinds, hits)],
      bars: kinds.flatMap((kind) => barOf(kind, hits.get(kind.name))),
    };
  } finally {
    for (const peer of peers) await peer.close?.();
  }
}

/** Faster per hit than every peer that returns private copies. */
function fastest(kinds: readonly PeerKind[], hits: ReadonlyMap<string, Result>): Verdict {
  const [best] = kinds
    .filter(({ name, kind }) => kind === "copies" && name !== PEERS[0]!.name)
    .map(({ name }) => hits.get(name)!)
    .toSorted((a, b) => a.ratio - b.ratio);
  const ratio = 1 / best!.ratio;
  return {
    of: `hit of ${OURS[0]!.name} beside ${best!.name}, the fastest peer that gives each caller an object of his own`,
    figure: `${times(ratio)}×`,
    target: "≤ 1.00×",
    met: ratio <= 1,
  };
}

async function measured(
  kinds: readonly PeerKind[],
  peers: readonly Peer[],
  effort: Effort,
  work: (name: string, peer: Peer) => Contender | undefined,
): Promise<ReadonlyMap<string, Result>> {
  const contenders = kinds.flatMap(({ name }, at) => work(name, peers[at]!) ?? []);
  return new Map((await measure({ title: "", contenders }, effort)).map((result) => [result.name, result]));
}

function hit(name: string, peer: Peer): Contender {
  const never = (): Promise<never> => Promise.reject(new Error(`${name}: a hit was expected`));
  return {
    name,
    async run(count) {
      for (let i = 0; i < count; i++) await peer.through(requests[i % ENTRIES]!, never);
    },
  };
}

function lookup(name: string, peer: Peer): Contender | undefined {
  if (peer.lookup === undefined) return undefined;
  const keys = requests.map((request) => peer.keyOf(request));
  return {
    name,
    async run(count) {
      for (let i = 0; i < count; i++) {
        const found = peer.lookup!(keys[i % ENTRIES]!);
        if ((found instanceof Promise ? await found : found) === undefined)
          throw new Error(`${name}: a hit was expected`);
      }
    },
  };
}

function miss(name: string, peer: Peer): Contender {
  let asked = 0;
  return {
    name,
    async run(count) {
      for (let i = 0; i < count; i++) {
        // Nobody's memory grows without end.
        if (asked++ % CLEARED_AFTER === 0) await peer.clear();
        const request = variant(requests[i % ENTRIES]!, asked);
        await peer.through(request, async () => answerOf1(i));
      }
    },
  };
}

const answers = Array.from({ length: ENTRIES }, (_, seed) => answerOf(BYTES, seed));
function answerOf1(i: number): unknown {
  return answers[i % ENTRIES];
}

function cells(result: Result | undefined): readonly [string, string] {
  return result === undefined ? ["", ""] : [micro(result.microseconds), times(result.ratio)];
}

function barOf({ name, kind }: PeerKind, result: Result | undefined): readonly Bar[] {
  return result === undefined ? [] : [{ name, kind, microseconds: result.microseconds }];
}

/** Writes in the background come to their end. */
function shortPause(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
