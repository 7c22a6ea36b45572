import { execFile, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { drive } from "./drive.ts";
import { nodeOptions } from "./node-options.ts";
import type { Pace } from "./pace.ts";
import type { Report } from "./report.ts";
import type { Place, Scenario } from "./scenario.ts";
import type { Servers } from "./servers.ts";

const ONE = join(import.meta.dirname, "one.ts");
const SMALL_DISK_BYTES = 8 * 1024 * 1024;
/** Whom permissions bind, if we are root ourselves. */
const NOBODY = 65_534;
const MOUNT = `mount -t tmpfs -o size=${SMALL_DISK_BYTES} none "$1"; shift; exec "$@"`;

/** Runs a scenario here, or in a process of its own if it needs another place. */
export function run(scenario: Scenario, pace: Pace, servers: Servers): Promise<Report> {
  return scenario.place === undefined ? drive(scenario, pace, servers) : driveApart(scenario, pace, scenario.place);
}

/** Why there is no such place here; `undefined` if there is. */
export function missing(place: Place | undefined): string | undefined {
  if (place !== "small-disk") return undefined;
  const { status } = spawnSync("unshare", ["-rm", "sh", "-c", MOUNT, "sh", tmpdir(), "true"]);
  return status === 0 ? undefined : "a file system of its own cannot be mounted here (unshare -rm)";
}

async function driveApart({ name }: Scenario, pace: Pace, place: Place): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), "llmcache-chaos-"));
  chmodSync(folder, 0o777);
  const node = [process.execPath, ...nodeOptions(), ONE, pace.name, name];
  const [command = "", ...args] =
    place === "small-disk" ? ["unshare", "-rm", "sh", "-c", MOUNT, "sh", folder, ...node] : node;
  const who = place === "nobody" && process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  try {
    const env = { ...process.env, TMPDIR: folder };
    const { stdout } = await promisify(execFile)(command, args, { ...who, env });
    return JSON.parse(stdout) as Report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
