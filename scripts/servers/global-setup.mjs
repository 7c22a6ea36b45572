// Before the integration tests: fetches what they start, so that no test waits for a download. What is there already costs
// nothing. A server that cannot be had fails the tests that need it, not all of them: they say what to do.
import { cephTree } from "./ceph.mjs";
import { redisPrograms } from "./redis.mjs";

export default async function setup() {
  const { LLMCACHE_TEST_REDIS_URL, LLMCACHE_TEST_REDIS_CLUSTER, LLMCACHE_TEST_S3_ENDPOINT } = process.env;
  const wanted = [
    ...(LLMCACHE_TEST_REDIS_URL && LLMCACHE_TEST_REDIS_CLUSTER ? [] : [redisPrograms]),
    ...(LLMCACHE_TEST_S3_ENDPOINT ? [] : [cephTree]),
  ];
  await Promise.allSettled(wanted.map((fetched) => fetched()));
}
