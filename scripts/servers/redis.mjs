// Real Redis servers for tests: a redis-server in PATH if it is recent enough, else Debian's, unpacked into a private folder.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../command.mjs";
import { makeCertificate } from "./certificate.mjs";
import { startChild } from "./child.mjs";
import { debianTree, TreeError } from "./debian-tree.mjs";
import { freePort } from "./free-port.mjs";

const OLDEST_REDIS = 8;
const TREE = { name: "redis", suites: ["trixie"], packages: ["redis-server", "valkey-server", "openssl"] };
const HOST = "127.0.0.1";
const PORT_TRIES = 50;
const START_MS = 20_000;
const CLUSTER_MS = 30_000;
const POLL_MS = 20;

let found;

/** The programs `server`, `cli` and `openssl`, fetched if need be; rejects with an error that says what to do. */
export function redisPrograms() {
  found ??= findPrograms().catch((error) => {
    found = undefined;
    throw error;
  });
  return found;
}

async function findPrograms() {
  const { code, output } = await run("redis-server", ["--version"]);
  const version = code === 0 ? Number(/v=(\d+)/.exec(output)?.[1]) : undefined;
  if (version !== undefined && version >= OLDEST_REDIS) {
    const inPath = (command) => ({ command, args: [] });
    return { server: inPath("redis-server"), cli: inPath("redis-cli"), openssl: inPath("openssl"), valkey: undefined };
  }
  try {
    const tree = await debianTree(TREE);
    return {
      server: tree.program("usr/bin/redis-server"),
      cli: tree.program("usr/bin/redis-cli"),
      openssl: tree.program("usr/bin/openssl"),
      valkey: tree.program("usr/bin/valkey-server"),
    };
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    const there =
      version === undefined ? "there is no redis-server in PATH" : `the redis-server in PATH is version ${version}`;
    throw new Error(
      `The tests need Redis ${OLDEST_REDIS}: ${there}, and ${error.message}. Install Redis ${OLDEST_REDIS}, or set LLMCACHE_TEST_REDIS_URL and ` +
        "LLMCACHE_TEST_REDIS_CLUSTER to servers that the tests may write to (those that stop and start servers are skipped then).",
      { cause: error },
    );
  }
}

/**
 * Starts one server on a free port of the loopback interface.
 *
 * Options: `password`; `acl`, a list of rules as in `user reader on >secret ~app:* +get`; `tls: true`, with a certificate that is
 * signed by itself; `maxmemory` and `maxmemoryPolicy`; `appendonly: true`; `unixSocket: true`; `valkey: true`; `settings`, more lines
 * of the configuration as an object.
 */
export async function startRedis(options = {}) {
  const programs = await redisPrograms();
  const program = options.valkey === true ? programs.valkey : programs.server;
  if (program === undefined) throw new Error("There is no valkey-server here.");
  for (let tries = 1; ; tries++) {
    const folder = mkdtempSync(join(tmpdir(), "llmcache-redis-"));
    const server = new RedisServer(program, folder, [await freePort(), await freePort()], options);
    try {
      if (options.tls === true) await makeCertificate(programs.openssl, folder);
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Somebody else was quicker.
      if (tries >= PORT_TRIES || !/Address already in use|bind:/.test(server.log)) throw error;
    }
  }
}

/** Three masters with a replica each, every one on a free port; `options` are those of {@link startRedis} for each node. */
export async function startRedisCluster(options = {}) {
  const { cli } = await redisPrograms();
  const settings = {
    ...options.settings,
    "cluster-enabled": "yes",
    "cluster-node-timeout": "1500",
    "repl-diskless-sync-delay": "0",
  };
  const nodes = [];
  try {
    const starting = Array.from({ length: 6 }, () => startRedis({ ...options, settings }));
    for (const result of await Promise.allSettled(starting))
      if (result.status === "fulfilled") nodes.push(result.value);
    await Promise.all(starting);
    const cluster = new RedisCluster(nodes);
    await cluster.form(cli);
    return cluster;
  } catch (error) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw error;
  }
}

class RedisServer {
  #program;
  #options;
  #busPort;
  #child;

  constructor(program, folder, [port, busPort], options) {
    this.#program = program;
    this.#busPort = busPort;
    this.#options = options;
    this.folder = folder;
    this.host = HOST;
    this.port = port;
    this.password = options.password;
    if (options.unixSocket === true) this.path = join(folder, "redis.sock");
  }

  /** `redis:` or `rediss:`, with the password. */
  get url() {
    const login = this.password === undefined ? "" : `:${encodeURIComponent(this.password)}@`;
    return `${this.#options.tls === true ? "rediss" : "redis"}://${login}${this.host}:${this.port}`;
  }

  /** The certificate to trust, in PEM. */
  get ca() {
    return readFileSync(join(this.folder, "tls.crt"), "utf8");
  }

  get pid() {
    return this.#child?.pid;
  }

  /** The end of what the server printed. */
  get log() {
    return this.#child?.log ?? "";
  }

  /** Starts, or starts again with the same port and data. */
  async start() {
    const file = join(this.folder, "redis.conf");
    writeFileSync(file, this.#configuration(), { mode: 0o600 });
    this.#child = startChild(this.#program, [file], this.folder);
    await this.#child.printed(/Ready to accept connections/, START_MS);
  }

  /** What the power switch would do. */
  async kill() {
    this.#child?.signal("SIGKILL");
    await this.#child?.ended();
  }

  /** Connections stay open, and nothing is answered. */
  pause() {
    this.#child?.signal("SIGSTOP");
  }

  resume() {
    this.#child?.signal("SIGCONT");
  }

  async restart() {
    await this.kill();
    await this.start();
  }

  /** Ends it, with all it stored. */
  async stop() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }

  /** What redis-cli prints for a command. */
  async command(...words) {
    const { cli } = await redisPrograms();
    const login = this.password === undefined ? [] : ["-a", this.password, "--no-auth-warning"];
    const tls = this.#options.tls === true ? ["--tls", "--insecure"] : [];
    const { code, output } = await run(cli.command, [
      ...cli.args,
      "-h",
      this.host,
      "-p",
      String(this.port),
      ...login,
      ...tls,
      ...words,
    ]);
    if (code !== 0) throw new Error(`redis-cli ${words[0]}: ${output}`);
    return output.trim();
  }

  #configuration() {
    const {
      password,
      acl = [],
      tls,
      maxmemory,
      maxmemoryPolicy,
      appendonly,
      unixSocket,
      settings = {},
    } = this.#options;
    const lines = {
      bind: HOST,
      ...(tls === true
        ? {
            port: "0",
            "tls-port": this.port,
            "tls-cert-file": "tls.crt",
            "tls-key-file": "tls.key",
            "tls-ca-cert-file": "tls.crt",
            "tls-auth-clients": "no",
          }
        : { port: this.port }),
      dir: this.folder,
      daemonize: "no",
      logfile: '""',
      save: '""',
      ...(unixSocket === true ? { unixsocket: this.path } : {}),
      ...(password === undefined ? {} : { requirepass: JSON.stringify(password) }),
      ...(maxmemory === undefined ? {} : { maxmemory }),
      ...(maxmemoryPolicy === undefined ? {} : { "maxmemory-policy": maxmemoryPolicy }),
      ...(appendonly === true ? { appendonly: "yes", appendfsync: "always" } : {}),
      ...(settings["cluster-enabled"] === undefined ? {} : { "cluster-port": this.#busPort }),
      ...settings,
    };
    return `${[...Object.entries(lines).map(([name, value]) => `${name} ${value}`), ...acl].join("\n")}\n`;
  }
}

class RedisCluster {
  constructor(nodes) {
    this.nodes = nodes;
  }

  /** `host:port` of every node, with commas between: what LLMCACHE_TEST_REDIS_CLUSTER may be. */
  get addresses() {
    return this.nodes.map(({ host, port }) => `${host}:${port}`).join(",");
  }

  async form(cli) {
    const addresses = this.nodes.map(({ host, port }) => `${host}:${port}`);
    const { code, output } = await run(cli.command, [
      ...cli.args,
      "--cluster",
      "create",
      ...addresses,
      "--cluster-replicas",
      "1",
      "--cluster-yes",
    ]);
    if (code !== 0) throw new Error(`The Redis Cluster could not be made:\n${output}`);
    await this.settled();
  }

  /** Resolves when every node that runs says that the cluster serves all slots, with a replica for each master. */
  async settled() {
    const until = Date.now() + CLUSTER_MS;
    for (const node of this.nodes) {
      while (!(await isServing(node))) {
        if (Date.now() > until)
          throw new Error(`The Redis Cluster does not serve:\n${await node.command("cluster", "nodes")}`);
        await new Promise((resolve) => {
          setTimeout(resolve, POLL_MS);
        });
      }
    }
  }

  /** The nodes that are masters now, in the order of their slots. */
  async masters() {
    const lines = (await this.nodes[0].command("cluster", "nodes"))
      .split("\n")
      .filter((line) => line.includes("master"));
    return lines
      .map((line) => this.nodes.find(({ port }) => line.includes(`:${port}@`)))
      .filter((node) => node !== undefined);
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

async function isServing(node) {
  const [info, nodes] = [await node.command("cluster", "info"), await node.command("cluster", "nodes")];
  return info.includes("cluster_state:ok") && nodes.split("\n").filter((line) => line.includes("slave")).length === 3;
}
