// A real S3 server for tests: Ceph's RADOS Gateway from Debian's packages, unpacked into a private folder.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeCertificate } from "./certificate.mjs";
import { CephCluster, HOST } from "./ceph-cluster.mjs";
import { debianTree, TreeError } from "./debian-tree.mjs";
import { freePort } from "./free-port.mjs";

const TREE = {
  name: "ceph",
  suites: ["forky", "trixie"],
  packages: ["ceph-mon", "ceph-osd", "radosgw", "openssl"],
  libraries: ["ceph"],
  // The packages, and what is in them.
  roomBytes: 2 * 1024 ** 3,
};
const REGION = "default";
const START_MS = 60_000;
const POLL_MS = 10;
const PORT_TRIES = 3;

/**
 * Starts a gateway on free ports of the loopback interface, with a user of its own. It keeps everything in memory and is gone when
 * it is stopped, or when this process ends, however it ends. A "day" of a lifecycle rule takes `secondsPerDay` seconds, 2 by default.
 */
export async function startCeph({ secondsPerDay = 2 } = {}) {
  const tree = await cephTree();
  for (let tries = 1; ; tries++) {
    const folder = mkdtempSync(join(tmpdir(), "llmcache-ceph-"));
    const server = new CephServer(tree, folder, [await freePort(), await freePort(), await freePort()], secondsPerDay);
    try {
      await makeCertificate(tree.program("usr/bin/openssl"), folder);
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      // Somebody else was quicker.
      if (tries >= PORT_TRIES || !/Address already in use|unable to bind/i.test(error.message)) throw error;
    }
  }
}

/** Fetches the packages unless they are here; rejects with an error that says what to do. */
export async function cephTree() {
  try {
    return await debianTree(TREE);
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    throw new Error(
      `The tests need an S3 server, and Ceph could not be had: ${error.message}. Set LLMCACHE_TEST_S3_ENDPOINT, LLMCACHE_TEST_S3_ACCESS_KEY, ` +
        "LLMCACHE_TEST_S3_SECRET_KEY and LLMCACHE_TEST_S3_BUCKET to a server and a bucket that the tests may write to (those that stop and start servers are skipped then).",
      { cause: error },
    );
  }
}

class CephServer {
  #cluster;
  #folder;
  #port;
  #tlsPort;
  #gateway;

  constructor(tree, folder, [monitorPort, port, tlsPort], secondsPerDay) {
    this.#folder = folder;
    this.#port = port;
    this.#tlsPort = tlsPort;
    this.endpoint = `http://${HOST}:${port}`;
    /** The same server, with a certificate that is signed by itself: `ca`. */
    this.tlsEndpoint = `https://${HOST}:${tlsPort}`;
    this.region = REGION;
    this.#cluster = new CephCluster(tree, folder, monitorPort, this.#settings(secondsPerDay));
  }

  /** The certificate to trust, in PEM. */
  get ca() {
    return readFileSync(join(this.#folder, "tls.crt"), "utf8");
  }

  /** What it printed last. */
  get log() {
    return this.#cluster.log;
  }

  async start() {
    await this.#cluster.start();
    await this.startGateway();
    Object.assign(this, await this.createUser("tester"));
  }

  /** Starts the gateway, or starts it again with the same port and data. */
  async startGateway() {
    this.#gateway = this.#cluster.spawn("usr/bin/radosgw", ["-f", "-n", "client.rgw"]);
    await this.#gateway.printed(/starting handler: beast/, START_MS);
    const until = Date.now() + START_MS;
    while (!(await this.#answers())) {
      if (Date.now() > until) throw new Error(`The gateway does not answer:\n${this.log}`);
      await sleep(POLL_MS);
    }
  }

  /** Another user, who may not see what is not his: `{ accessKeyId, secretAccessKey }`. */
  async createUser(name) {
    const [accessKeyId, secretAccessKey] = [
      randomBytes(10).toString("hex").toUpperCase(),
      randomBytes(20).toString("hex"),
    ];
    const keys = ["--access-key", accessKeyId, "--secret-key", secretAccessKey];
    await this.#cluster.run("usr/bin/radosgw-admin", [
      "user",
      "create",
      "--uid",
      name,
      "--display-name",
      name,
      ...keys,
    ]);
    return { accessKeyId, secretAccessKey };
  }

  /** What the power switch of the gateway would do; what is stored stays. */
  async kill() {
    this.#gateway?.signal("SIGKILL");
    await this.#gateway?.ended();
  }

  /** Connections stay open, and nothing is answered. */
  pause() {
    this.#gateway?.signal("SIGSTOP");
  }

  resume() {
    this.#gateway?.signal("SIGCONT");
  }

  /** Ends it, with all it stored. By SIGKILL: a gateway that is asked to end takes minutes. */
  async stop() {
    await this.#cluster.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }

  async #answers() {
    try {
      const response = await fetch(this.endpoint, { signal: AbortSignal.timeout(1000) });
      await response.arrayBuffer();
      return true;
    } catch {
      return false;
    }
  }

  #settings(secondsPerDay) {
    const places = [
      `endpoint=${HOST}:${this.#port}`,
      `ssl_endpoint=${HOST}:${this.#tlsPort}`,
      `ssl_certificate=${join(this.#folder, "tls.crt")}`,
      `ssl_private_key=${join(this.#folder, "tls.key")}`,
    ];
    return `[client.rgw]
rgw frontends = beast ${places.join(" ")} tcp_nodelay=1
rgw thread pool size = 32
rgw override bucket index max shards = 1
rgw dynamic resharding = false
rgw lc debug interval = ${secondsPerDay}
debug rgw = 0
`;
  }
}
