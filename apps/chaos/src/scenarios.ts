import { DISK } from "./scenarios/disk.ts";
import { REDIS_CLUSTER } from "./scenarios/redis-cluster.ts";
import { REDIS } from "./scenarios/redis.ts";
import { S3 } from "./scenarios/s3.ts";
import type { Scenario } from "./scenario.ts";

/** Everything that is broken, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [...REDIS, ...REDIS_CLUSTER, ...S3, ...DISK];
