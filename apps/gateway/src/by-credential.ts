import type { Caller, GatewayOptions } from "./gateway-options.ts";
import { credentialText, remembered, tenantFor } from "./tenant.ts";

/** A namespace for each credential, and all controls: what holds where nobody says how to tell callers apart. */
export function byCredential(): NonNullable<GatewayOptions["identify"]> {
  const callerOf = remembered((credential): Caller => ({
    namespace: tenantFor(credential),
    controls: "all",
    spent: [],
  }));
  return (headers, url) => callerOf(credentialText(headers, url));
}
