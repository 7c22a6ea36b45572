import { startCeph, type CephServer } from "../../../scripts/servers/ceph.mjs";
import { startRedis, type RedisServer } from "../../../scripts/servers/redis.mjs";
import type { BenchBucket } from "./s3-hits.ts";

/** Real servers of this process, each started when the first table needs it. */
export class Servers implements AsyncDisposable {
  #redis: Promise<RedisServer> | undefined;
  #ceph: Promise<CephServer> | undefined;
  #bucket: Promise<BenchBucket> | undefined;

  redis(): Promise<RedisServer> {
    return (this.#redis ??= startRedis());
  }

  /** A bucket of an S3 server. */
  bucket(): Promise<BenchBucket> {
    this.#ceph ??= startCeph();
    return (this.#bucket ??= Promise.all([this.#ceph, import("./s3-hits.ts")]).then(([server, { newBucket }]) =>
      newBucket(server),
    ));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [this.#redis, this.#ceph]) await (await server)?.[Symbol.asyncDispose]();
  }
}
