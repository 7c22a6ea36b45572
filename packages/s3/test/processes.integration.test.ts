import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { sampleEntry, sampleId } from "@llmcache/core/conformance";
import { s3Store } from "@llmcache/s3";
import { someS3 } from "./servers.ts";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const PROCESSES = 6;
const IDS = FULL ? 500 : 40;
const EXEC_ARGV = ["--conditions=@llmcache/source"];

const s3 = someS3();
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

describe(`${PROCESSES} processes that add the same ${IDS} ids`, () => {
  const ids = Array.from({ length: IDS }, (_, value) => sampleId(`race ${value}`));

  test("where nothing is: each has one winner, and is the winner's", () => race(`race-new-${process.pid}/`, undefined));

  test("over a refused entry: each has one winner, and is the winner's", () =>
    race(`race-over-${process.pid}/`, sampleEntry().createdAt));

  async function race(prefix: string, over: number | undefined): Promise<void> {
    const store = s3Store({ ...s3.place, prefix });
    try {
      if (over !== undefined) await store.setMany(ids.map((id) => sampleEntry({ id, value: "refused" })));
      const results = await raceOf(prefix, { ids, over, createdAt: sampleEntry().createdAt + 1 });
      const winners = new Map(results.flatMap(({ name, won }) => won.map((id) => [id, name] as const)));
      expect(results.reduce((sum, { won }) => sum + won.length, 0)).toBe(IDS);
      for (const id of ids) expect((await store.get({ id }))?.entry.body.json()).toBe(winners.get(id));
    } finally {
      await store.clear();
      await store[Symbol.asyncDispose]();
    }
  }
});

describe("a process ends by itself", () => {
  for (const [what, script] of Object.entries({
    "after it disposed its store": `await s.set(e); await s.get(e); await s.getMany(Array.from({ length: 30 }, () => e)); await s[Symbol.asyncDispose]();`,
    "without having disposed its store": `await s.set(e); await s.get(e);`,
    "without having used its store": ``,
    "with a call under way when it disposed its store": `const p = s.get(e).catch((error) => { if (error.code !== "ERR_LLMCACHE_CLOSED") throw error; }); await s[Symbol.asyncDispose](); await p;`,
    "after a read was aborted in the middle": `await s.set(sampleEntry({ bytes: Buffer.alloc(5_000_000) })); const c = new AbortController(); const p = s.get(e, { signal: c.signal });
      setTimeout(() => c.abort(), 5); await p.catch(() => {}); await s[Symbol.asyncDispose]();`,
    "after a list was left": `await s.set(e); for await (const _ of s.entries()) break; await s[Symbol.asyncDispose]();`,
    "with a server that is not there": `await nowhere.get(e).catch(() => {}); await nowhere[Symbol.asyncDispose]();`,
  })) {
    test(what, async () => {
      const source = `import { s3Store } from "@llmcache/s3"; import { sampleEntry } from "@llmcache/core/conformance"; const e = sampleEntry();
        const place = JSON.parse(process.env.PLACE); const s = s3Store({ ...place, prefix: "ends/" }); const nowhere = s3Store({ ...place, endpoint: "http://127.0.0.1:1" }); ${script}`;
      const child = spawn(process.execPath, [...EXEC_ARGV, "--input-type=module", "--eval", source], {
        cwd: fileURLToPath(new URL(".", import.meta.url)),
        env: { ...process.env, PLACE: JSON.stringify(s3.place) },
        stdio: ["ignore", "pipe", "pipe"],
      });
      children.push(child);
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += String(chunk)));
      const [code] = (await once(child, "close")) as [number | null];
      expect({ code, output }).toEqual({ code: 0, output: "" });
    });
  }
});

interface RaceResult {
  readonly name: string;
  readonly won: readonly string[];
}

async function raceOf(prefix: string, task: object): Promise<readonly RaceResult[]> {
  const racers = Array.from({ length: PROCESSES }, (_, index) => {
    const child = fork(
      fileURLToPath(new URL("racer.ts", import.meta.url)),
      [`racer ${index}`, prefix, JSON.stringify(s3.place)],
      { execArgv: EXEC_ARGV },
    );
    children.push(child);
    return { child, ready: once(child, "message"), exited: once(child, "exit") };
  });
  await Promise.all(racers.map(({ ready }) => ready));
  const results = racers.map(({ child, exited }) =>
    Promise.race([once(child, "message"), exited.then(([code]) => expect.fail(`a racer ended with code ${code}`))]),
  );
  for (const { child } of racers) child.send(task);
  const messages = (await Promise.all(results)) as [RaceResult][];
  for (const [code] of (await Promise.all(racers.map(({ exited }) => exited))) as [number | null][])
    expect(code).toBe(0);
  return messages.map(([result]) => result);
}

test("the example of the README runs", async () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const source = /```ts\n([^]*?)```/.exec(readme)?.[1];
  if (source === undefined) throw new Error("The README has no example.");
  const { bucket, endpoint, region, credentials } = s3.place;
  const child = spawn(process.execPath, [...EXEC_ARGV, "--input-type=module-typescript", "--eval", source], {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    env: {
      ...process.env,
      BUCKET: bucket,
      ENDPOINT: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, output }).toEqual({ code: 0, output: "" });
});
