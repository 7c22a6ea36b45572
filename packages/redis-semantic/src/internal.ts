/** For the other stores of this project that build on this one; it may change with any version. */
export { openInRedis, redisSemanticParameters } from "./by-url.ts";
