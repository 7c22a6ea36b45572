import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { StoreEvent } from "@llmcache/core";
import { configure } from "./configuration.ts";
import { FileLock } from "./file-lock.ts";
import type { DiskSettings } from "./options.ts";
import { failureKind, openDatabase } from "./sqlite.ts";

/** What is told while a file is opened. */
export type Tell = (event: Omit<StoreEvent, "store">) => void;

/** Whoever has the file open keeps it open: there is little sense in waiting. */
const ALONE_WAIT_MS = 100;
const MARK_MODE = 0o600;

/** Leaves a mark that makes the next opening check the whole file: damage in the middle is not seen by opening alone. */
export function markSuspect(settings: DiskSettings): void {
  try {
    writeFileSync(markOf(settings), "", { mode: MARK_MODE });
  } catch {
    // Where nothing can be written, nothing will be recovered.
  }
}

export function isSuspect(settings: DiskSettings): boolean {
  return existsSync(markOf(settings));
}

function markOf({ file }: DiskSettings): string {
  return `${file}-suspect`;
}

/** If this process is alone with the file: checks it, all of it where it is suspect, and moves it aside if it is damaged. */
export function recoverAlone(settings: DiskSettings, tell: Tell): void {
  const { file } = settings;
  const alone = FileLock.take(file, "alone", ALONE_WAIT_MS);
  if (alone === undefined) return;
  try {
    const damage = findDamage(settings, isSuspect(settings));
    if (damage !== undefined) {
      const aside = moveAside(settings);
      tell({
        type: "moved-aside",
        message: `${file} is damaged (${damage.message}) and was moved to ${aside}; a new file is begun.`,
        error: damage,
      });
    }
    rmSync(markOf(settings), { force: true });
  } finally {
    alone.release();
  }
}

function findDamage({ file, busyTimeoutMs }: DiskSettings, thorough: boolean): Error | undefined {
  if (!existsSync(file)) return undefined;
  const db = openDatabase(file, false, busyTimeoutMs);
  try {
    configure(db, file);
    if (!thorough) return undefined;
    const verdict = db.prepare("PRAGMA integrity_check(1)").get()?.["integrity_check"];
    return verdict === "ok" ? undefined : new Error(String(verdict));
  } catch (error) {
    if (failureKind(error) === "corrupt") return error as Error;
    throw error;
  } finally {
    db.close();
  }
}

/** The log first: a new file must never meet an old log. */
function moveAside({ file, clock }: DiskSettings): string {
  const stamp = new Date(clock()).toISOString().replaceAll(/[-:.]/g, "");
  let aside = `${file}.corrupt-${stamp}`;
  for (let more = 2; existsSync(aside); more++) aside = `${file}.corrupt-${stamp}-${more}`;
  for (const suffix of ["-wal", "-shm", ""]) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  return aside;
}
