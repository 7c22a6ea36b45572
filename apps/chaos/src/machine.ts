import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { redisPrograms } from "../../../scripts/servers/redis.mjs";

/** What the figures were measured with, in one line, without names of machines. */
export async function machine(): Promise<string> {
  const { server } = await redisPrograms();
  const { stdout } = await promisify(execFile)(server.command, [...server.args, "--version"]);
  const redis = /v=(\S+)/.exec(stdout)?.[1] ?? "?";
  return `Node ${process.versions.node} on ${process.platform} ${process.arch}, ${availableParallelism()} cores; Redis ${redis}; Ceph's gateway for S3; all on one machine.`;
}
