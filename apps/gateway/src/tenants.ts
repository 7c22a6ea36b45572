import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { resolve } from "node:path";
import type { TenantSettings } from "./configure.ts";
import type { GatewayOptions } from "./gateway-options.ts";
import { identifyBy } from "./identify.ts";
import type { OpenedStores } from "./open-stores.ts";
import { readTenantSecret } from "./tenant-secret.ts";

/** Where the secret is where no store has a file, in the working folder. */
const DEFAULT_SECRET_FILE = ".cache/tenant-secret";

/** How callers are told apart, ready for the gateway. */
export interface Tenants {
  readonly identify: NonNullable<GatewayOptions["identify"]>;
  /** One line for people. */
  readonly description: string;
}

/**
 * Makes what tells callers apart. Where that takes a secret, it is the one of the environment, else that of a file: the one that is
 * named, or one beside the store's, or one in the folder.
 *
 * @throws Error, of one sentence, for a file that is not to be trusted.
 */
export function tenantsOf(
  { keys, groups, isShared, secret, secretFile }: TenantSettings,
  { file, isVolatile }: Pick<OpenedStores, "file" | "isVolatile">,
  folder: string,
  adminToken?: string,
): Tenants {
  const needsSecret = keys.length === 0 && !isShared;
  const secretOf = (): string => {
    if (secret !== undefined) return secret;
    // What nobody can find again needs no secret that lasts.
    if (!needsSecret || (isVolatile && secretFile === undefined)) return randomBytes(32).toString("hex");
    if (secretFile !== undefined) return readTenantSecret(resolve(folder, secretFile));
    return readTenantSecret(file === undefined ? resolve(folder, DEFAULT_SECRET_FILE) : `${file}.tenant-secret`);
  };
  return {
    identify: withoutAdmin(identifyBy({ keys, groups, isShared, secret: secretOf() }), adminToken),
    description: `${keys.length > 0 ? `callers need a key (${keys.map(({ name }) => name).join(", ")}); ` : ""}${
      isShared
        ? "all share their answers"
        : keys.length > 0
          ? "each key, or group of keys, has its own answers"
          : `each credential has its own answers${groups.length > 0 ? `; groups: ${groups.map(({ name }) => name).join(", ")}` : ""}`
    }`,
  };
}

/** Who sends the admin token to another path has mistyped it: no provider is to see the token. */
function withoutAdmin(identify: Tenants["identify"], adminToken: string | undefined): Tenants["identify"] {
  if (adminToken === undefined) return identify;
  const digest = hash("sha256", adminToken, "buffer");
  return (headers, url) => {
    const { authorization } = headers;
    const token = authorization === undefined ? undefined : /^bearer +(.+)$/i.exec(authorization)?.[1];
    const isAdmin = token !== undefined && timingSafeEqual(hash("sha256", token.trim(), "buffer"), digest);
    return isAdmin ? undefined : identify(headers, url);
  };
}
