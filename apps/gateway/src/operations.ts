import { LLMCacheError, type LLMCache } from "@llmcache/core";
import { AdminAccess } from "./admin-access.ts";
import { adminEndpoints } from "./admin.ts";
import type { OwnEndpoint, RequestRecord } from "./gateway-options.ts";
import { healthEndpoints } from "./health.ts";
import { metricsEndpoint, type MetricsAccess } from "./metrics-endpoint.ts";
import { GatewayMetrics } from "./metrics.ts";
import { pingEndpoint } from "./ping.ts";
import type { NamedStore } from "./store-probe.ts";

export type { MetricsAccess } from "./metrics-endpoint.ts";
export type { NamedStore } from "./store-probe.ts";

/** Options of {@link operations}. */
export interface OperationsOptions {
  readonly cache: LLMCache;
  /** What `/readyz` and `/cache/ping` ask: the tiers one by one, where there are some. @default the cache's store */
  readonly stores?: readonly NamedStore[] | undefined;
  /** Opens `/admin/…` for those who send it as bearer token; 16 characters at least. @default none: there is no `/admin` */
  readonly adminToken?: string | undefined;
  /** Who may read `/metrics`; `off`: nobody, and nothing is counted. @default "loopback" */
  readonly metrics?: MetricsAccess | "off" | undefined;
  /** Models that metrics tell apart. @default the first 50 of which something was stored */
  readonly models?: readonly string[] | undefined;
  /** Also tell of the process: memory, CPU, event loop. @default true */
  readonly processMetrics?: boolean | undefined;
  /** How long a store may take for each step of `/readyz` and `/cache/ping`, in ms. @default 2000 */
  readonly storeDeadlineMs?: number | undefined;
  /** Milliseconds since the epoch. @default Date.now */
  readonly clock?: (() => number) | undefined;
}

/** What operators ask of a gateway. */
export interface Operations {
  /** For `createGateway`'s `endpoints`. */
  readonly endpoints: readonly OwnEndpoint[];
  /** For `createGateway`'s `observe`. */
  observe(record: RequestRecord): void;
  /** The gateway is about to stop: `/readyz` says so from now on. */
  drain(): void;
  /** Ends what it listens to; the cache and the stores are closed by whoever made them. */
  close(): Promise<void>;
}

const DEFAULT_STORE_DEADLINE_MS = 2000;
const MOST_MS = 2 ** 31 - 1;
const METRICS: readonly string[] = ["open", "loopback", "token", "off"];

/**
 * The endpoints for operators: `/healthz`, `/readyz`, `/cache/ping`, `/metrics`, and `/admin/…` where there is a token.
 *
 * @throws LLMCacheError `ERR_LLMCACHE_OPTION` naming the option that is not what it may be.
 */
export function operations(options: OperationsOptions): Operations {
  const { cache, adminToken, models, processMetrics = true, clock = Date.now } = options;
  const { metrics: metricsAccess = "loopback", storeDeadlineMs = DEFAULT_STORE_DEADLINE_MS } = options;
  const stores = options.stores ?? [{ name: cache.store.name, store: cache.store }];
  if (!Number.isSafeInteger(storeDeadlineMs) || storeDeadlineMs < 1 || storeDeadlineMs > MOST_MS)
    throw wrong("storeDeadlineMs", "a whole number of milliseconds from 1", storeDeadlineMs);
  if (!METRICS.includes(metricsAccess)) throw wrong("metrics", `one of ${METRICS.join(", ")}`, metricsAccess);
  const access = new AdminAccess(adminToken);
  if (metricsAccess === "token" && !access.isOn)
    throw new LLMCacheError("ERR_LLMCACHE_OPTION", `metrics: "token" needs an adminToken.`);
  const metrics = metricsAccess === "off" ? undefined : new GatewayMetrics({ cache, stores, models, processMetrics });
  let isDraining = false;
  const endpoints = [
    ...healthEndpoints({ stores, storeDeadlineMs, clock, isDraining: () => isDraining }),
    pingEndpoint(stores, cache.store.name, storeDeadlineMs),
    ...adminEndpoints({ cache, stores, access, clock }),
    metricsEndpoint(metrics, metricsAccess, access),
  ];
  return {
    endpoints,
    observe: (record) => metrics?.observe(record),
    drain: () => {
      isDraining = true;
    },
    close: async () => metrics?.close(),
  };
}

function wrong(field: string, right: string, value: unknown): LLMCacheError {
  return new LLMCacheError("ERR_LLMCACHE_OPTION", `${field} must be ${right}, not ${String(value)}.`);
}
