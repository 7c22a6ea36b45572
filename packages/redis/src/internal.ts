/** For the other stores of this project that live in Redis; it may change with any version. */
export { ADDRESS_PARAMETERS, addressOf, type AddressValues } from "./address.ts";
export { isRedisClient, type RedisArgument, type RedisClient, type RedisCommand } from "./client.ts";
export { isCluster, keyPrefixOf } from "./client.ts";
export { Connection } from "./connection.ts";
export { overConnection, type RedisAddressOptions } from "./factory.ts";
export { isRefusedCommand, isReply, isUnknownScript, isWrongType } from "./failure.ts";
export { inSteps } from "./frames.ts";
export { Keys } from "./keys.ts";
export { ListCursor } from "./list-cursor.ts";
export { own } from "./ownership.ts";
export { scan } from "./scanning.ts";
export { instant } from "./write.ts";
