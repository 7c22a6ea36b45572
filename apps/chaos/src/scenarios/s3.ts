import { randomUUID } from "node:crypto";
import type { Store } from "@llmcache/core";
import { s3Store } from "@llmcache/s3";
import { FaultyProxy, type Fault } from "../faulty-proxy.ts";
import { guarded } from "../guarded.ts";
import type { Pace } from "../pace.ts";
import type { Scenario, Stage } from "../scenario.ts";
import type { Bucket } from "../servers.ts";

interface S3Fault {
  begin(bucket: Bucket): void | Promise<void>;
  end(bucket: Bucket): void | Promise<void>;
}

const FROZEN: S3Fault = {
  begin: ({ server }) => server.pause(),
  end: ({ server }) => server.resume(),
};
/** What S3 says when it is asked too much. */
const SLOW_DOWN = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`;

export const S3: readonly Scenario[] = [
  {
    group: "s3",
    name: "S3 server killed and started again",
    expected: { events: ["get failed", "set failed"], words: /nothing listens there|connection was lost/ },
    open: staged({
      begin: ({ server }) => server.kill(),
      end: ({ server }) => server.startGateway(),
    }),
  },
  {
    group: "s3",
    name: "S3 server frozen (SIGSTOP), sockets hang",
    expected: { events: ["get failed", "set failed"], words: /took longer than/ },
    open: staged(FROZEN),
  },
  {
    group: "s3",
    name: "S3 server frozen, `withBreaker`",
    expected: { events: ["degraded", "recovered", "get failed"], words: /calls in a row failed/, isCheap: true },
    open: staged(FROZEN, guarded),
  },
  {
    group: "s3",
    name: "S3 slower than `storeTimeoutMs`",
    expected: { events: ["get failed", "set failed"], words: /took longer than/ },
    open: proxied((pace) => ({ delayMs: 3 * pace.storeTimeoutMs })),
  },
  {
    group: "s3",
    name: "S3 slow, answers after half of `storeTimeoutMs`",
    expected: { events: [], hits: true },
    open: proxied((pace) => ({ delayMs: pace.storeTimeoutMs / 2 })),
  },
  {
    group: "s3",
    name: "S3 refuses (503 SlowDown)",
    expected: { events: ["get failed", "set failed"] },
    open: proxied(() => ({ status: 503, body: SLOW_DOWN })),
  },
];

function staged(fault: S3Fault, wrap: (store: Store, pace: Pace) => Store = (store) => store): Scenario["open"] {
  return async (pace, servers): Promise<Stage> => {
    const bucket = await servers.bucket();
    const s3 = s3Store({ ...bucket.place, prefix: `${randomUUID()}/`, timeoutMs: pace.timeoutMs });
    return {
      store: wrap(s3, pace),
      begin: () => fault.begin(bucket),
      end: () => fault.end(bucket),
      [Symbol.asyncDispose]: () => s3[Symbol.asyncDispose](),
    };
  };
}

function proxied(faultAt: (pace: Pace) => Fault): Scenario["open"] {
  return async (pace, servers): Promise<Stage> => {
    const { place } = await servers.bucket();
    const proxy = await FaultyProxy.start(place.endpoint);
    const s3 = s3Store({ ...place, endpoint: proxy.url, prefix: `${randomUUID()}/`, timeoutMs: pace.timeoutMs });
    return {
      store: s3,
      begin: () => void (proxy.fault = faultAt(pace)),
      end: () => void (proxy.fault = undefined),
      async [Symbol.asyncDispose]() {
        await s3[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
      },
    };
  };
}
