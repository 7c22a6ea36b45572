// The smallest Ceph that a gateway can stand on: one monitor and one storage daemon in memory, without authentication, on loopback.
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";
import { startChild } from "./child.mjs";

export const HOST = "127.0.0.1";
const START_MS = 60_000;
/** Whoever asks before the monitor has settled is told "wrong fsid", and should ask again. */
const TRIES = 10;
/** The monitor's tool is a script for Python; these are the two things that are wanted of it. Both may be said twice. */
const REGISTER = `
import json, rados, sys, time
commands = [
    {"prefix": "osd new", "uuid": sys.argv[2]},
    {"prefix": "osd crush add", "id": 0, "weight": 1.0, "args": ["root=default", "host=memory"]},
]
for left in reversed(range(${TRIES})):
    with rados.Rados(conffile=sys.argv[1], name="client.admin") as cluster:
        answers = [cluster.mon_command(json.dumps(command), b"", timeout=30) for command in commands]
    problems = [problem for code, _, problem in answers if code != 0]
    if not problems:
        break
    if left == 0:
        sys.exit(problems[0])
    time.sleep(0.05)
`;

/** A cluster that serves its `ceph.conf`; everything it writes is in `folder`, which goes when this process is killed. */
export class CephCluster {
  #tree;
  #folder;
  #children = [];

  /** `sections` are more lines of the configuration. */
  constructor(tree, folder, monitorPort, sections) {
    this.#tree = tree;
    this.#folder = folder;
    this.configuration = join(folder, "ceph.conf");
    this.fsid = randomUUID();
    this.monitor = `[v1:${HOST}:${monitorPort}/0]`;
    writeFileSync(this.configuration, `${this.#settings()}${sections}`, { mode: 0o600 });
  }

  async start() {
    const osd = randomUUID();
    const map = join(this.#folder, "monmap");
    for (const name of ["mon", "osd"]) mkdirSync(join(this.#folder, name));
    // Without a map the monitor takes the default ports.
    await this.run("usr/bin/monmaptool", ["--create", "--fsid", this.fsid, "--addv", "a", this.monitor, map]);
    await Promise.all([
      this.run("usr/bin/ceph-mon", ["--mkfs", "-i", "a", "--monmap", map]),
      this.run("usr/bin/ceph-osd", ["--mkfs", "-i", "0", "--osd-uuid", osd, "--no-mon-config"]),
    ]);
    this.spawn("usr/bin/ceph-mon", ["-f", "-i", "a"]);
    await this.run("usr/bin/python3", ["-c", REGISTER, this.configuration, osd], { isCeph: false });
    await this.#startStorage();
  }

  /** Runs a program of the tree to its end, and gives what it printed. */
  async run(path, args, { isCeph = true } = {}) {
    const { command, args: how } = this.#tree.program(path);
    const configured = isCeph ? ["-c", this.configuration, ...args] : args;
    const env = { ...process.env, PYTHONHOME: join(this.#tree.folder, "usr"), CEPH_ARGS: "" };
    const { code, output } = await run(command, [...how, ...configured], { cwd: this.#folder, env });
    if (code !== 0) throw new Error(`${path} ended with code ${code}:\n${output}`);
    return output;
  }

  /** Starts a daemon of the tree. */
  spawn(path, args) {
    const child = startChild(this.#tree.program(path), ["-c", this.configuration, ...args], this.#folder);
    this.#children.push(child);
    return child;
  }

  /** What the daemons printed last. */
  get log() {
    return this.#children.map(({ log }) => log).join("\n");
  }

  async stop() {
    for (const child of this.#children) child.signal("SIGKILL");
    await Promise.all(this.#children.map((child) => child.ended()));
  }

  async #startStorage() {
    for (let tries = 1; ; tries++) {
      try {
        await this.spawn("usr/bin/ceph-osd", ["-f", "-i", "0"]).printed(/booting -> active/, START_MS);
        return;
      } catch (error) {
        if (tries >= TRIES) throw error;
      }
    }
  }

  #settings() {
    const libraries = this.#tree.libraryFolder;
    return `[global]
fsid = ${this.fsid}
mon host = ${this.monitor}
ms bind msgr2 = false
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
run dir = ${this.#folder}
crash dir = ${this.#folder}
admin socket =
log file =
log to stderr = true
err to stderr = true
mon cluster log file =
mon cluster log to stderr = false
plugin dir = ${libraries}/ceph
erasure code dir = ${libraries}/ceph/erasure-code
osd class dir = ${libraries}/rados-classes
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
client mount timeout = 30
mon allow pool size one = true

[mon]
mon data = ${this.#folder}/mon
paxos propose interval = 0.02
paxos min wait = 0.01
debug mon = 0
debug paxos = 0

[osd]
osd data = ${this.#folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296

`;
  }
}
