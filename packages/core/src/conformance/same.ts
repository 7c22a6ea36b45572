import assert from "node:assert/strict";
import { asBuffer } from "../body.ts";
import type { Entry, EntryHead } from "../entry.ts";

const PLAIN_MEMBERS = ["id", "scope", "text", "createdAt", "staleAt", "deleteAt"] as const;
const JSON_MEMBERS = ["metadata", "tags", "request"] as const;

/**
 * Fails unless a store gave back the head that it was given. A member that is `undefined` counts as absent; `null` does not.
 *
 * @throws AssertionError naming the member.
 */
export function assertSameHead(actual: EntryHead, expected: EntryHead, what = "the entry"): void {
  for (const member of PLAIN_MEMBERS) {
    assert.equal(
      actual[member],
      expected[member],
      `${what}: ${member} is ${show(actual[member])}, not ${show(expected[member])}`,
    );
  }
  for (const member of JSON_MEMBERS) {
    const [found, wanted] = [throughJson(actual[member]), throughJson(expected[member])];
    assert.deepEqual(found, wanted, `${what}: ${member} is ${show(found)}, not ${show(wanted)}`);
  }
}

/**
 * Fails unless a store gave back the entry that it was given: head, kind of body, body.
 *
 * @throws AssertionError naming what differs.
 */
export function assertSameEntry(actual: Entry | undefined, expected: Entry, what = "the entry"): void {
  assert.ok(actual !== undefined, `${what} is not there`);
  assertSameHead(actual, expected, what);
  const { body } = actual;
  assert.equal(body.kind, expected.body.kind, `${what}: the body is of kind ${body.kind}, not ${expected.body.kind}`);
  assert.ok(
    Number.isFinite(body.size) && body.size >= 0,
    `${what}: the body's size is ${String(body.size)}, not a number of bytes`,
  );
  if (expected.body.kind === "json") {
    const [found, wanted] = [body.json(), expected.body.json()];
    assert.deepEqual(found, wanted, `${what}: the body is ${show(found)}, not ${show(wanted)}`);
  } else {
    const [found, wanted] = [asBuffer(body.bytes()), asBuffer(expected.body.bytes())];
    assert.ok(
      found.equals(wanted),
      `${what}: the body is ${found.byteLength} other bytes than the ${wanted.byteLength} that were stored`,
    );
  }
}

/** Members that are `undefined` vanish and prototypes do not count: what JSON text would carry. */
function throughJson(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

const SHOWN_CHARACTERS = 120;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "absent";
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
