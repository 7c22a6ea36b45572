import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import type { S3Credentials } from "@llmcache/s3";
import { startCeph, type CephServer } from "../../../scripts/servers/ceph.mjs";

/** An S3 server that may be broken, with a bucket. */
export interface Bucket {
  readonly server: CephServer;
  readonly place: {
    readonly bucket: string;
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: S3Credentials;
  };
}

const BUCKET = "answers";

/** Servers that take too long to start for one scenario alone; each is started when it is first needed. */
export class Servers implements AsyncDisposable {
  #bucket: Promise<Bucket> | undefined;

  bucket(): Promise<Bucket> {
    return (this.#bucket ??= startBucket());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#bucket)?.server.stop();
  }
}

async function startBucket(): Promise<Bucket> {
  const server = await startCeph();
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  const place = { bucket: BUCKET, endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  const client = new S3Client({ endpoint, region, credentials: place.credentials, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  client.destroy();
  return { server, place };
}
