/** Names, in lower case, of query parameters that carry credentials: for adapters, which leave them out of every identity. */
export const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set([
  "api-key",
  "api_key",
  "apikey",
  "x-api-key",
  "key",
  "subscription-key",
  "access_token",
  "access-token",
  "token",
  "oauth_token",
  "auth",
  "authorization",
  "code",
  "sig",
  "signature",
]);
