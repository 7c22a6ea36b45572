import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

const SECRET_BYTES = 32;
const SECRET = /^[0-9a-f]{64}\n$/;
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const OTHERS = 0o077;

/**
 * The secret that tenants are digested with, from a file that only its owner may read. If there is none it is made, at random; of several
 * processes that start at once all get the same.
 *
 * @throws Error, of one sentence, if others may read the file, or if it holds something else.
 */
export function readTenantSecret(path: string): string {
  const file = resolve(path);
  const found = readSecret(file);
  if (found !== undefined) return found;
  createSecret(file);
  const made = readSecret(file);
  if (made !== undefined) return made;
  throw new Error(`${file} was removed while it was being made; start again.`);
}

function readSecret(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw problem(file, error);
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if (process.platform !== "win32" && (mode & OTHERS) !== 0)
      throw new Error(
        `${file} holds a secret, and others may read it (mode ${mode.toString(8)}): chmod 600 it, or remove it, and every tenant starts afresh.`,
      );
    const text = readFileSync(descriptor, "utf8");
    if (!SECRET.test(text))
      throw new Error(`${file} is damaged: put its backup there, or remove it, and every tenant starts afresh.`);
    return text.trim();
  } finally {
    closeSync(descriptor);
  }
}

/** Written whole under another name, then linked: whoever finds the file finds all of it, and the first one stays. */
function createSecret(file: string): void {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: FOLDER_MODE });
    writeFileSync(draft, `${randomBytes(SECRET_BYTES).toString("hex")}\n`, {
      mode: FILE_MODE,
      flag: "wx",
      flush: true,
    });
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw problem(file, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

function problem(file: string, error: unknown): Error {
  const { code = String(error) } = error as NodeJS.ErrnoException;
  return new Error(
    `The secret for tenants cannot be kept in ${file} (${code}): name another file with tenants.secretFile, or set LLMCACHE_TENANT_SECRET.`,
    { cause: error },
  );
}
