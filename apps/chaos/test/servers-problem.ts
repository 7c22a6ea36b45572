import { cephTree } from "../../../scripts/servers/ceph.mjs";
import { redisPrograms } from "../../../scripts/servers/redis.mjs";

/** Why what starts servers of its own is skipped: only where the environment names servers and none can be started. */
export async function serversProblem(group: string): Promise<string | undefined> {
  const [given, start] = group.startsWith("redis")
    ? [process.env["LLMCACHE_TEST_REDIS_URL"], redisPrograms]
    : [group === "s3" ? process.env["LLMCACHE_TEST_S3_ENDPOINT"] : undefined, cephTree];
  if (given === undefined || given === "") return undefined;
  try {
    await start();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
