export { createGateway, type GatewayOptions, type GatewayUpstream } from "./gateway.ts";
