import { createHash } from "node:crypto";

const ID = /^[0-9a-f]{64}$/;
/** What stands behind the prefix. */
const TAIL = /^([0-9a-f]{2})\/(?=\1)[0-9a-f]{64}$/;
const PROBE = "probe-";

/** Where an entry is: `<prefix><aa>/<id>`. Ids that are no 64 hex digits, which no cache makes, are hashed. */
export function objectKey(prefix: string, id: string): string {
  const name = ID.test(id) ? id : createHash("sha256").update(id).digest("hex");
  return `${prefix}${name.slice(0, 2)}/${name}`;
}

/** Where a store tries what the server can do. */
export function probeKey(prefix: string, name: string): string {
  return `${prefix}${PROBE}${name}`;
}

/** Left over from a process that was killed. */
export function isProbeKey(prefix: string, key: string): boolean {
  return (
    key.startsWith(prefix) &&
    /^[0-9a-f-]{36}$/.test(key.slice(prefix.length + PROBE.length)) &&
    key.startsWith(PROBE, prefix.length)
  );
}

/** Could this store have written that key? `app` owns `appab/ab…`, and nothing of `app2`, whose keys begin with `app`, too. */
export function isObjectKey(prefix: string, key: string): boolean {
  return key.startsWith(prefix) && TAIL.test(key.slice(prefix.length));
}
