import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { LLMCache } from "@llmcache/core";
import { s3Store, type S3Credentials } from "@llmcache/s3";
import { canonicalKey } from "./by-hand.ts";
import type { Contender, Suite, Target } from "./harness.ts";
import { answerOf, requestOf } from "./samples.ts";

const BYTES = 4096;
const ENTRIES = 100;
const TARGET: Target = {
  atMost: 1.1,
  whyMissed:
    "Nearly all of a hit is the server, whose time varies from round to round by more than the tenth that is allowed.",
};
const requests = Array.from({ length: ENTRIES }, (_, seed) => requestOf(BYTES, seed));

/** Where the objects of the benchmark go: a bucket that exists. */
export interface BenchBucket {
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: S3Credentials;
}

/** A bucket on a server that was started for the benchmark. */
export async function newBucket(server: {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}): Promise<BenchBucket> {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const place = { bucket: "bench", endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  const client = clientOf(place);
  await client.send(new CreateBucketCommand({ Bucket: place.bucket }));
  client.destroy();
  return place;
}

export function clientOf({ endpoint, region, credentials }: BenchBucket): S3Client {
  const { accessKeyId, secretAccessKey } = credentials;
  return new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true });
}

/** Hits of 4 kB for requests of 4 kB in an S3 bucket, so many under way at a time, beside a key, the bare SDK and JSON.parse by hand. */
export async function s3Hits(place: BenchBucket, concurrency: number): Promise<Suite> {
  const prefix = `bench-${process.pid}`;
  const { bucket } = place;
  const client = clientOf(place);
  const store = s3Store({ ...place, prefix: `${prefix}/` });
  const cache = new LLMCache({ store, ttl: "1h" });
  const rawKey = (request: object): string => `${prefix}-raw/${canonicalKey(request)}`;
  for (const [seed, request] of requests.entries()) {
    const answer = answerOf(BYTES, seed);
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: rawKey(request), Body: JSON.stringify(answer) }));
    await cache.set(request, answer);
  }
  const never = (): Promise<never> => Promise.reject(new Error("a hit was expected"));
  return {
    title: `hit in S3, 4 kB in, 4 kB out, ${concurrency} at a time`,
    contenders: [
      contender("canonical JSON, SHA-256, GetObject, JSON.parse", concurrency, async (request) => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: rawKey(request) }));
        if (JSON.parse((await Body?.transformToString()) ?? "") === undefined) throw new Error("a hit was expected");
      }),
      contender("LLMCache over S3Store", concurrency, (request) => cache.through(request, never)),
    ],
    targets: { "LLMCache over S3Store": TARGET },
    async close() {
      await store.clear();
      await Promise.all(
        requests.map((request) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: rawKey(request) }))),
      );
      client.destroy();
      await store[Symbol.asyncDispose]();
    },
  };
}

function contender(
  name: string,
  concurrency: number,
  one: (request: (typeof requests)[number]) => Promise<unknown>,
): Contender {
  return {
    name,
    async run(times) {
      let at = 0;
      const lane = async (): Promise<void> => {
        while (at < times) await one(requests[at++ % ENTRIES]!);
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, times) }, lane));
    },
  };
}
