import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { LLMCache } from "@llmcache/core";
import { ConfigurationError } from "./configuration.ts";
import { closeAll } from "./closing.ts";
import { isLoopback, type Configuration } from "./configure.ts";
import { openUpstreams } from "./demo.ts";
import type { RequestRecord } from "./gateway-options.ts";
import { createGateway } from "./gateway.ts";
import { FailureLog } from "./failure-log.ts";
import { greeting } from "./greeting.ts";
import { openStores, type OpenedStores } from "./open-stores.ts";
import { operations } from "./operations.ts";
import { withoutSecrets } from "./secrets.ts";
import { probe } from "./store-probe.ts";
import { tenantsOf } from "./tenants.ts";

/** Host names of this machine, which are always answered to. */
const OWN_HOSTS = ["localhost", "127.0.0.1", "[::1]"] as const;
/** How long a store may take until the gateway says that it does not answer. */
const PROBE_MS = 2000;
const SIGNALS: Readonly<Record<"SIGINT" | "SIGTERM", number>> = { SIGINT: 2, SIGTERM: 15 };

/**
 * Opens what the configuration names, serves until SIGINT or SIGTERM, and closes it all. Prints what people should know.
 *
 * @throws ConfigurationError and other errors of one sentence for what cannot be opened.
 */
export async function runGateway(configuration: Configuration, folder: string): Promise<void> {
  for (const warning of configuration.warnings) console.error(`llmcache: ${warning}`);
  const closing: (() => Promise<void>)[] = [];
  try {
    const opened = await openedStores(configuration, folder);
    closing.push(async () => opened.close());
    const tenants = tenantsOf(configuration.tenants, opened, folder, configuration.adminToken);
    const cache = new LLMCache({ store: opened.store, ...configuration.cache });
    closing.push(async () => cache[Symbol.asyncDispose]());
    tellFailures(cache, (line) => tell(line, configuration));
    const upstreams = await openUpstreams(configuration.upstreams);
    closing.push(async () => upstreams.close());
    const operating = operations({
      cache,
      stores: opened.stores,
      adminToken: configuration.adminToken,
      metrics: configuration.metrics.access,
      models: configuration.metrics.models,
    });
    closing.push(async () => operating.close());
    const gateway = createGateway({
      cache,
      upstreams: upstreams.upstreams,
      identify: tenants.identify,
      endpoints: operating.endpoints,
      hosts:
        configuration.hosts === undefined || configuration.hosts === "any"
          ? configuration.hosts
          : [...OWN_HOSTS, ...configuration.hosts],
      maxBodyBytes: configuration.limits.bodyBytes,
      headersTimeoutMs: configuration.limits.headersTimeoutMs,
      bodyTimeoutMs: configuration.limits.bodyTimeoutMs,
      observe: (record) => {
        operating.observe(record);
        if (configuration.logRequests) console.log(lineOf(record));
      },
    });
    const stopping = signals();
    closing.unshift(async () => stopping.off());
    const url = await listen(gateway.server, configuration);
    console.log(
      greeting(url, configuration, upstreams.upstreams, {
        tenants: tenants.description,
        isVolatile: opened.isVolatile,
      }),
    );
    void tellOfSilence(opened, configuration);
    await stopping.first;
    operating.drain();
    await gateway.close(configuration.limits.shutdownMs);
  } catch (error) {
    // What was wrong in the first place is what is told.
    await closeAll(closing).catch(() => undefined);
    throw error;
  }
  await closeAll(closing);
}

async function openedStores({ tiers }: Configuration, folder: string): Promise<OpenedStores> {
  try {
    return await openStores(tiers, folder);
  } catch (error) {
    const subject = tiers.length === 1 ? tiers[0]?.subject : "tiers";
    const urls = tiers.map(({ url }) => url);
    throw new ConfigurationError(`${subject}: ${withoutSecrets(messageOf(error), urls)}`, { cause: error });
  }
}

async function listen(server: Server, { host, port }: Configuration): Promise<string> {
  const shownHost = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  try {
    server.listen(port, host.replace(/^\[|\]$/g, ""));
    await once(server, "listening");
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    throw new ConfigurationError(
      code === "EADDRINUSE"
        ? `Port ${port} is taken. Stop what listens there, or choose another: --port ${port === 65_535 ? 0 : port + 1}`
        : `The gateway cannot listen on ${shownHost}:${port} (${code}): choose another --host or --port.`,
      { cause: error },
    );
  }
  const { port: actual } = server.address() as AddressInfo;
  // Who listens everywhere is reached here by the name of this machine.
  return `http://${isLoopback(host) ? shownHost : host === "0.0.0.0" || host === "::" ? "localhost" : shownHost}:${actual}`;
}

/** What failed, and when a store works again; without any text of a request. */
function tellFailures(cache: LLMCache, write: (line: string) => void): void {
  const log = new FailureLog(write);
  cache.on((event) => {
    if (event.type !== "failure") return;
    const { during, error, storeEvent } = event;
    // Stores tell of changes, once each: down, and up again.
    if (storeEvent !== undefined) write(storeEvent.message);
    else log.tell(during, `${during === "produce" ? "asking an upstream" : during} failed: ${messageOf(error)}`);
  });
}

/** A store that does not answer is no reason not to start; but somebody should know. */
async function tellOfSilence({ stores }: OpenedStores, configuration: Configuration): Promise<void> {
  const probed = await Promise.all(stores.map(async (store) => probe(store, PROBE_MS, false)));
  for (const { name, url, isUp, error } of probed)
    if (!isUp)
      tell(`the store ${name} (${url}) does not answer yet, so what it has is missed: ${error}`, configuration);
}

/** From here on the first signal is told, and a second one ends the process at once. */
function signals(): { readonly first: Promise<void>; off(): void } {
  const { promise: first, resolve } = Promise.withResolvers<void>();
  let isStopping = false;
  const listeners = Object.entries(SIGNALS).map(([signal, number]) => {
    const listener = (): void => {
      if (isStopping) process.exit(128 + number);
      isStopping = true;
      resolve();
    };
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return { first, off: () => listeners.forEach((off) => off()) };
}

/** Without any text of a request. */
function lineOf({ upstream, operation, status, cache, durationMs, bytesIn, bytesOut }: RequestRecord): string {
  return `${new Date().toISOString()} ${upstream ?? "-"} ${operation ?? "-"} ${status} ${cache} ${durationMs.toFixed(1)}ms in=${bytesIn} out=${bytesOut}`;
}

function tell(message: string, { tiers }: Configuration): void {
  const urls = tiers.map(({ url }) => url);
  console.error(`llmcache: ${withoutSecrets(message, urls)}`);
}

/** With the reason behind it, which `fetch` keeps apart. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, message } = (error.cause ?? {}) as Partial<NodeJS.ErrnoException>;
  const reason = code ?? message;
  return typeof reason === "string" && !error.message.includes(reason) ? `${error.message} (${reason})` : error.message;
}
