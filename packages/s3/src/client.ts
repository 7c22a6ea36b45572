/**
 * What the store needs of a client of `@aws-sdk/client-s3`: an `S3Client` or an `S3`, from whichever copy of the package.
 * Clients are told by this shape, never by `instanceof`.
 */
export interface S3ClientLike {
  send(command: unknown, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>;
}

export function isS3Client(value: unknown): value is S3ClientLike {
  return (
    typeof value === "object" && value !== null && typeof (value as { readonly send?: unknown }).send === "function"
  );
}
