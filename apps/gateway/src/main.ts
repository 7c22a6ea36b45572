import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { LLMCache } from "@llmcache/core";
import { DiskStore } from "@llmcache/disk";
import { readArguments, USAGE } from "./arguments.ts";
import { createGateway } from "./gateway.ts";
import { openUpstream } from "./upstream.ts";

const HOST = "127.0.0.1";
/** How long open answers may take to end when the gateway is stopped. */
const GRACE_MS = 10_000;

/** Starts the gateway and says where it is; resolves when it has been stopped by SIGINT or SIGTERM. */
async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2));
  if (args.help) return console.log(USAGE);
  const ttl = /^\d+(\.\d+)?$/.test(args.ttl) ? Number(args.ttl) : args.ttl;
  const store = new DiskStore({ path: args.cache });
  const cache = new LLMCache({ store, ttl });
  cache.on((event) => {
    if (event.type === "failure") console.error(`llmcache: ${event.during} failed: ${messageOf(event.error)}`);
  });
  const upstream = await openUpstream(process.env);
  const server = createGateway({ cache, upstream });
  try {
    const port = await listen(server, args.port);
    greet(port, args.cache, upstream.description);
    await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
    await stop(server);
  } finally {
    await upstream.close();
    await cache[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  }
}

async function listen(server: Server, port: number): Promise<number> {
  try {
    server.listen(port, HOST);
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(
      `Port ${port} is taken. Stop what listens there, or choose another: npm start -- --port ${port + 1}`,
      { cause: error },
    );
  }
  return (server.address() as AddressInfo).port;
}

function greet(port: number, cachePath: string, upstream: string): void {
  const url = `http://${HOST}:${port}`;
  const curl = `curl -si ${url}/v1/chat/completions -H 'content-type: application/json' -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello."}]}'`;
  console.log(`llmcache gateway: ${url}/v1
  upstream: ${upstream}
  cache:    ${cachePath}

Ask twice; Cache-Status says miss the first time and hit from then on, also after a restart:

  ${curl}
  ${curl}

Ctrl-C stops it.`);
}

async function stop(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(timer);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

try {
  await main();
} catch (error) {
  console.error(`llmcache: ${messageOf(error)}`);
  process.exitCode = 1;
}
