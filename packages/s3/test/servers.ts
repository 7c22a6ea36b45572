import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { afterAll, beforeAll } from "vitest";
import { cephTree, startCeph, type CephServer, type CephServerOptions } from "../../../scripts/servers/ceph.mjs";

/** Where a store of a test finds its bucket. */
export interface Place {
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** A bucket to write to, and a client of one's own for looking at it. */
export interface SomeS3 {
  readonly place: Place;
  readonly client: S3Client;
  /** Of everything below the prefix. */
  keys(prefix: string): Promise<string[]>;
  /** What somebody else might put there. */
  put(key: string, body: Uint8Array | string): Promise<void>;
}

const OWN_BUCKET = "answers";

/** A server for the tests of this file, that they may stop and start, with a bucket. */
export function ownCeph(options: CephServerOptions = {}): SomeS3 & { readonly server: CephServer } {
  let server: CephServer | undefined;
  const running = (): CephServer => {
    if (server === undefined) throw new Error("The server is started before the first test.");
    return server;
  };
  const some = someOf(() => placeOf(running()));
  beforeAll(async () => {
    server = await startCeph(options);
    await some.client.send(new CreateBucketCommand({ Bucket: OWN_BUCKET }));
  });
  afterAll(async () => {
    if (server === undefined) return;
    some.client.destroy();
    await server.stop();
  });
  return Object.defineProperties({} as SomeS3 & { server: CephServer }, {
    ...Object.getOwnPropertyDescriptors(some),
    server: { get: running },
  });
}

/** Where the tests that only need some server find a bucket: the one that the environment names, or one of their own. */
export function someS3(): SomeS3 {
  const {
    LLMCACHE_TEST_S3_ENDPOINT,
    LLMCACHE_TEST_S3_ACCESS_KEY,
    LLMCACHE_TEST_S3_SECRET_KEY,
    LLMCACHE_TEST_S3_BUCKET,
    LLMCACHE_TEST_S3_REGION,
  } = process.env;
  if (!isGiven(LLMCACHE_TEST_S3_ENDPOINT)) return ownCeph();
  const place = {
    endpoint: LLMCACHE_TEST_S3_ENDPOINT,
    bucket: required("LLMCACHE_TEST_S3_BUCKET", LLMCACHE_TEST_S3_BUCKET),
    region: isGiven(LLMCACHE_TEST_S3_REGION) ? LLMCACHE_TEST_S3_REGION : "us-east-1",
    credentials: {
      accessKeyId: required("LLMCACHE_TEST_S3_ACCESS_KEY", LLMCACHE_TEST_S3_ACCESS_KEY),
      secretAccessKey: required("LLMCACHE_TEST_S3_SECRET_KEY", LLMCACHE_TEST_S3_SECRET_KEY),
    },
  };
  const some = someOf(() => place);
  afterAll(() => some.client.destroy());
  return some;
}

/** Is the server of {@link someS3} one of the tests' own, where a day of a lifecycle rule takes seconds? */
export const hasOwnDays: boolean = !isGiven(process.env["LLMCACHE_TEST_S3_ENDPOINT"]);

/** Why tests that start servers of their own are skipped: only where the environment names a server and none can be started. */
export async function ownServersProblem(): Promise<string | undefined> {
  if (!isGiven(process.env["LLMCACHE_TEST_S3_ENDPOINT"])) return undefined;
  try {
    await cephTree();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function placeOf({ endpoint, region, accessKeyId, secretAccessKey }: CephServer): Place {
  return { bucket: OWN_BUCKET, endpoint, region, credentials: { accessKeyId, secretAccessKey } };
}

function someOf(place: () => Place): SomeS3 {
  let client: S3Client | undefined;
  const some: SomeS3 = {
    get place() {
      return place();
    },
    get client() {
      const { endpoint, region, credentials } = place();
      client ??= new S3Client({ endpoint, region, credentials, forcePathStyle: true });
      return client;
    },
    async keys(prefix) {
      const keys: string[] = [];
      let after: string | undefined;
      do {
        const page = await some.client.send(
          new ListObjectsV2Command({
            Bucket: place().bucket,
            Prefix: prefix,
            ...(after === undefined ? {} : { StartAfter: after }),
          }),
        );
        keys.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
        after = page.IsTruncated === true ? keys.at(-1) : undefined;
      } while (after !== undefined);
      return keys;
    },
    async put(key, body) {
      await some.client.send(new PutObjectCommand({ Bucket: place().bucket, Key: key, Body: Buffer.from(body) }));
    },
  };
  return some;
}

function required(name: string, value: string | undefined): string {
  if (isGiven(value)) return value;
  throw new Error(`LLMCACHE_TEST_S3_ENDPOINT is set, so ${name} must be, too.`);
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
