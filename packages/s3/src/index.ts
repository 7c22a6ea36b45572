export type { S3ClientLike } from "./client.ts";
export { s3Store, type S3ConnectionOptions, type S3Credentials, type S3TlsOptions } from "./factory.ts";
export { lifecycleRule, type LifecycleRuleOptions } from "./lifecycle.ts";
export type { S3StoreOptions, S3StoreSettings } from "./options.ts";
export { S3Store } from "./s3-store.ts";
