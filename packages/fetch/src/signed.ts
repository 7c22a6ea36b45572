/** Headers that vouch for the bytes of a body. */
export const DIGESTS: readonly string[] = [
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
  "x-amz-content-sha256",
  "signature",
  "signature-input",
];

/** Does the request say what bytes its body has, so that nothing else can be sent in their place? */
export function isSigned(headers: Headers): boolean {
  return DIGESTS.some((name) => headers.has(name)) || headers.get("authorization")?.startsWith("AWS4-") === true;
}
