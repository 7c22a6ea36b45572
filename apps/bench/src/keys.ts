import { hash } from "node:crypto";
import { requestKey } from "@llmcache/core";
import { canonicalKey } from "./by-hand.ts";
import type { Suite, Target } from "./harness.ts";
import { requestOf } from "./samples.ts";

const SHORT: Target = {
  atMost: 1.1,
  whyMissed:
    "Of a short request the digest is most of the work, which both do; what an injective encoding spares grows with the length of the texts (decision 0001).",
};

/** The key of a request of so many bytes, beside JSON text and SHA-256 (which is no identity: the order of members counts in it). */
export function keys(bytes: number, withTools?: boolean): Suite {
  const request = requestOf(bytes, 1, withTools);
  const size = JSON.stringify(request).length;
  return {
    title: `key of a request of ${(size / 1024).toFixed(1)} kB${withTools === true ? ", half of it a tool" : ""}`,
    contenders: [
      {
        name: "JSON.stringify, SHA-256",
        run(times) {
          for (let i = 0; i < times; i++) hash("sha256", JSON.stringify(request), "hex");
        },
      },
      {
        name: "canonical JSON by hand, SHA-256",
        run(times) {
          for (let i = 0; i < times; i++) canonicalKey(request);
        },
      },
      {
        name: "requestKey",
        run(times) {
          for (let i = 0; i < times; i++) requestKey(request);
        },
      },
    ],
    targets: { requestKey: bytes < 1024 ? SHORT : 0.55 },
  };
}
