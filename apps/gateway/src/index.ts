export { createGateway, type Gateway } from "./gateway.ts";
export type { Api, Caller, GatewayOptions, OwnEndpoint, RequestRecord, Upstream } from "./gateway-options.ts";
export { serve } from "./serve.ts";
