// One at a time: two commands started together must not install into the same folder.
import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const RETRY_MS = 200;
const TOUCH_MS = 1_000;
/** The holder touches the file every second; one that was killed no longer does. */
const ABANDONED_MS = 10_000;

/** Runs `work` while this process holds the lock file `path`; tells, and waits, if another one does. */
export async function withLock(path, tellWaiting, work) {
  mkdirSync(dirname(path), { recursive: true });
  for (let tries = 0; !take(path); tries += 1) {
    if (tries === 0) tellWaiting();
    await sleep(RETRY_MS);
  }
  const release = () => rmSync(path, { force: true });
  const touching = setInterval(() => touch(path), TOUCH_MS);
  process.once("exit", release);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    process.off("exit", release);
    release();
  }
}

function take(path) {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  try {
    if (Date.now() - statSync(path).mtimeMs > ABANDONED_MS) rmSync(path, { force: true });
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
  return false;
}

function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}
