import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const FULL = process.env["LLMCACHE_TEST_FULL"] === "1";
const MAIN = join(import.meta.dirname, "load-gateway.ts");

/** A model that is quick, and streams only when it is told to. */
class Model {
  readonly server: Server;
  readonly open = new Set<ServerResponse>();
  asked = 0;

  constructor() {
    this.server = createServer((request, response) => void this.#answer(request, response));
    this.server.keepAliveTimeout = 60_000;
  }

  get baseURL(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    this.asked++;
    const { model, stream, messages } = JSON.parse(text) as {
      model: string;
      stream?: boolean;
      messages: { content: string }[];
    };
    const head = { id: "c", created: 1, model };
    const message = { role: "assistant", content: `to ${messages[0]?.content}` };
    if (stream !== true) {
      response.setHeader("content-type", "application/json");
      const choices = [{ index: 0, message, finish_reason: "stop", logprobs: null }];
      return void response.end(JSON.stringify({ ...head, object: "chat.completion", choices }));
    }
    response.setHeader("content-type", "text/event-stream");
    response.write(this.#event(head, message, null));
    this.open.add(response);
    response.once("close", () => this.open.delete(response));
  }

  #event(head: object, delta: object, finish: string | null): string {
    const choices = [{ index: 0, delta, finish_reason: finish, logprobs: null }];
    return `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices })}\n\n`;
  }

  /** Ends all streams. */
  end(): void {
    for (const response of this.open)
      response.end(`${this.#event({ id: "c", created: 1, model: "m" }, {}, "stop")}data: [DONE]\n\n`);
  }
}

interface Told {
  readonly bytes: number;
  readonly handles: number;
  readonly connections: number;
  readonly inFlight: number;
}

let model: Model;
let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  model = new Model();
  model.server.listen(0, "127.0.0.1");
  await once(model.server, "listening");
  folder = await mkdtemp(join(tmpdir(), "llmcache-load-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  model.server.closeAllConnections();
  model.server.close();
  await rm(folder, { recursive: true, force: true });
});

async function start(store = "memory"): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = fork(MAIN, [model.baseURL, store], { execArgv: ["--conditions=@llmcache/source", "--expose-gc"] });
  children.push(child);
  const [{ port }] = (await once(child, "message")) as [{ readonly port: number }];
  return { child, port };
}

async function told(child: ChildProcess): Promise<Told> {
  child.send("tell");
  const [message] = (await once(child, "message")) as [Told];
  return message;
}

interface Answer {
  readonly response: IncomingMessage;
  readonly text: Promise<string>;
}

function ask(port: number, agent: Agent, content: string, stream = false): Promise<Answer> {
  const body = JSON.stringify({ model: "m", messages: [{ role: "user", content }], ...(stream ? { stream } : {}) });
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: "127.0.0.1", method: "POST", path: "/v1/chat/completions", agent });
    request.setHeader("content-type", "application/json");
    request.once("error", reject);
    request.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      const whole = new Promise<string>((end, cut) => {
        response.once("end", () => end(text));
        response.once("error", cut);
      });
      whole.catch(() => undefined);
      resolve({ response, text: whole });
    });
    request.end(body);
  });
}

async function hitOf(port: number, agent: Agent, content: string): Promise<string> {
  const { response, text } = await ask(port, agent, content);
  expect(JSON.parse(await text)).toMatchObject({ choices: [{ message: { content: `to ${content}` } }] });
  return String(response.headers["cache-status"]);
}

test("thousands of streams are open at once, each gets its own, and nothing of them is left", async () => {
  // Half of them share a stream with another one. Each takes three handles here and two there.
  const count = FULL ? 10_000 : 500;
  const { child, port } = await start();
  const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
  const before = await told(child);
  const answers: Answer[] = [];
  const AT_ONCE = 250;
  for (let i = 0; i < count; i += AT_ONCE)
    answers.push(
      ...(await Promise.all(Array.from({ length: AT_ONCE }, (_, n) => ask(port, agent, `q${(i + n) >> 1}`, true)))),
    );
  expect(model.open.size).toBe(count / 2);
  expect(await told(child)).toMatchObject({ connections: count, inFlight: count / 2 });
  model.end();
  const texts = await Promise.all(answers.map(({ text }) => text));
  for (const [index, text] of texts.entries()) {
    expect(text).toContain(`to q${index >> 1}"`);
    expect(text).toContain("[DONE]");
  }
  agent.destroy();
  await expect.poll(async () => told(child), { timeout: 20_000 }).toMatchObject({ connections: 0, inFlight: 0 });
  const after = await told(child);
  expect(after.handles).toBeLessThanOrEqual(before.handles + 3);
});

test("memory and handles stay flat, whatever happens to requests", async () => {
  const count = FULL ? 200_000 : 5000;
  const { child, port } = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const once = async (n: number): Promise<void> => {
    switch (n % 20) {
      case 0: {
        // Leaves before its answer has ended.
        const { response } = await ask(port, agent, `leaves ${n % 100}`, true);
        response.destroy();
        break;
      }
      case 1:
        await hitOf(port, agent, `new ${n}`);
        break;
      default:
        await hitOf(port, agent, `often ${n % 50}`);
    }
  };
  const run = async (from: number, to: number): Promise<void> => {
    let next = from;
    const work = async (): Promise<void> => {
      while (next < to) await once(next++);
    };
    await Promise.all(Array.from({ length: 32 }, work));
  };
  await run(0, count / 2);
  const middle = await told(child);
  await run(count / 2, count);
  agent.destroy();
  await expect.poll(async () => told(child), { timeout: 20_000 }).toMatchObject({ connections: 0, inFlight: 0 });
  const end = await told(child);
  // What is new is kept: an entry each.
  const kept = (count / 2 / 20) * 4000;
  expect(end.bytes).toBeLessThan(middle.bytes + kept + 8e6);
  expect(end.handles).toBeLessThanOrEqual(middle.handles + 3);
});

test("what was stored is served after the gateway was killed in the middle of its work", async () => {
  const path = join(folder, "cache.db");
  const first = await start(path);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const answered: string[] = [];
  const killed = new AbortController();
  const work = Array.from({ length: 16 }, async (_, worker) => {
    for (let n = 0; !killed.signal.aborted; n++) {
      const content = `w${worker} n${n}`;
      try {
        await hitOf(first.port, agent, content);
        // Asked again it is a hit only once it has been written.
        if ((await hitOf(first.port, agent, content)).startsWith("llmcache; hit")) answered.push(content);
      } catch (error) {
        if (!killed.signal.aborted) throw error;
      }
    }
  });
  await expect.poll(() => answered.length, { timeout: 30_000 }).toBeGreaterThan(FULL ? 5000 : 300);
  killed.abort();
  first.child.kill("SIGKILL");
  await Promise.all(work);
  agent.destroy();
  const second = await start(path);
  const fresh = new Agent({ keepAlive: true, maxSockets: 16 });
  const asked = model.asked;
  for (const content of answered) expect(await hitOf(second.port, fresh, content), content).toMatch(/^llmcache; hit/);
  expect(model.asked).toBe(asked);
  fresh.destroy();
});
