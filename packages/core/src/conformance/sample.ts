import { createHash } from "node:crypto";
import { Body } from "../body.ts";
import type { Entry, EntryHead } from "../entry.ts";

/** What {@link sampleEntry} is to be like; a body is given as a `value`, as `bytes` or as a `body`. */
export interface SampleOverrides extends Partial<EntryHead> {
  readonly value?: unknown;
  readonly bytes?: Uint8Array | undefined;
  readonly body?: Body | undefined;
}

const SAMPLE_CREATED_AT = Date.UTC(2026, 0, 1);
const SAMPLE_VALUE = { role: "assistant", content: "Forty-two." };
const SAMPLE_METADATA = { operation: "chat.completions", provider: "https://api.example.test/v1", model: "sample-1" };

/** An id as the cache makes them, 64 hex digits, that differs for every `name`. */
export function sampleId(name: string | number): string {
  return createHash("sha256").update(`sample ${name}`).digest("hex");
}

/** A plausible entry for tests of stores; what is given takes the place of what it would have. */
export function sampleEntry(overrides: SampleOverrides = {}): Entry {
  const { value, bytes, body, ...head } = overrides;
  return {
    id: sampleId("entry"),
    createdAt: SAMPLE_CREATED_AT,
    metadata: SAMPLE_METADATA,
    ...head,
    body: body ?? (bytes === undefined ? Body.json(value === undefined ? SAMPLE_VALUE : value) : Body.bytes(bytes)),
  };
}
