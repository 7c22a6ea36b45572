import type { Json } from "@llmcache/core";
import { describe, expect, test } from "vitest";
import { readBodyControl } from "../src/body-control.ts";

test.each<[Json, object]>([
  [{}, {}],
  [null, {}],
  [{ "no-cache": true }, { noCache: true }],
  [{ "no-cache": false }, { noCache: false }],
  [{ "no-store": true }, { noStore: true }],
  [{ ttl: 600 }, { ttl: 600 }],
  [{ ttl: 0 }, { ttl: 0 }],
  [{ ttl: "600" }, { ttl: 600 }],
  [{ ttl: "10m" }, { ttl: 600 }],
  [{ ttl: 0.5 }, { ttl: 0.5 }],
  [{ "s-maxage": 60 }, { sMaxAge: 60 }],
  [{ "s-max-age": 60 }, { sMaxAge: 60 }],
  [{ "s-maxage": 60, "s-max-age": 30 }, { sMaxAge: 30 }],
  [{ "s-maxage": 0, "s-max-age": 30 }, { sMaxAge: 0 }],
  [{ namespace: "team" }, { namespace: "team" }],
  [{ namespace: "" }, { namespace: "" }],
  [{ "use-cache": true }, { use: true }],
  [{ "use-cache": false }, { use: false }],
  [{ "no-cache": null, ttl: null, namespace: null }, {}],
  [
    { "no-store": true, ttl: 5, "s-maxage": 6, namespace: "n", "use-cache": true },
    { noStore: true, ttl: 5, sMaxAge: 6, namespace: "n", use: true },
  ],
])("%j is %j", (cache, control) => expect(readBodyControl(cache)).toEqual(control));

describe("what is no control is refused by name", () => {
  test.each<[Json, string]>([
    [true, 'cache must be an object such as {"no-cache": true}, not true.'],
    [[], 'cache must be an object such as {"no-cache": true}, not a list.'],
    ["no-cache", 'cache must be an object such as {"no-cache": true}, not "no-cache".'],
    [{ "no-cache": 1 }, 'cache["no-cache"] must be true or false, not 1.'],
    [{ "no-store": "true" }, 'cache["no-store"] must be true or false, not "true".'],
    [{ "use-cache": {} }, 'cache["use-cache"] must be true or false, not an object.'],
    [{ ttl: -1 }, 'cache["ttl"] must be a number of seconds from 0'],
    [{ ttl: "soon" }, 'cache["ttl"] must be a number of seconds from 0'],
    [{ ttl: true }, 'cache["ttl"] must be a number of seconds from 0, not true.'],
    [{ "s-maxage": [] }, 'cache["s-maxage"] must be a number of seconds from 0, not a list.'],
    [{ "s-max-age": "" }, 'cache["s-max-age"] must be a number of seconds from 0'],
    [{ namespace: ["a"] }, 'cache["namespace"] must be a text, not a list.'],
    [
      { nocache: true },
      'cache: "nocache" is no cache control; known are no-cache, no-store, ttl, s-maxage, s-max-age, namespace, use-cache.',
    ],
    [{ constructor: true }, 'cache: "constructor" is no cache control'],
    [JSON.parse('{"__proto__": {"ttl": 1}}') as Json, 'cache: "__proto__" is no cache control'],
  ])("%j", (cache, message) => {
    let error: unknown;
    try {
      readBodyControl(cache);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "ERR_LLMCACHE_OPTION", message: expect.stringContaining(message) });
  });
});
