import { Body } from "../body.ts";
import type { Entry } from "../entry.ts";
import { assertSameEntry } from "./same.ts";
import { found, type CheckDefinition } from "./stage.ts";

/** Fresh objects every time, so that what one test does to them is seen by nobody else. */
const MEMBERS = {
  metadata: () => ({ operation: "chat.completions", model: "m" }),
  tags: () => ({ customer: "g1" }),
  request: () => ({ prompt: ["p"], settings: { stop: ["a"] } }),
  value: () => ({ choices: [{ message: { content: "Forty-two." } }] }),
};

export const COPY_CHECKS: readonly CheckDefinition[] = [
  {
    name: "keeps its own copy of what it was given",
    async run({ store, entry }) {
      const [value, bytes] = [MEMBERS.value(), Buffer.from("answer")];
      const given = entry("json", {
        metadata: MEMBERS.metadata(),
        tags: MEMBERS.tags(),
        request: MEMBERS.request(),
        value,
      });
      const asBytes = entry("bytes", { bytes });
      await store.set(given);
      await store.set(asBytes);
      tamper(given);
      tamperValue(value);
      bytes.fill(0);
      const expected = entry("json", {
        metadata: MEMBERS.metadata(),
        tags: MEMBERS.tags(),
        request: MEMBERS.request(),
        value: MEMBERS.value(),
      });
      assertSameEntry(await found(store, given.id), expected, "the entry whose parts the giver changed afterwards");
      assertSameEntry(
        await found(store, asBytes.id),
        entry("bytes", { bytes: Buffer.from("answer") }),
        "the bytes that the giver changed afterwards",
      );
    },
  },
  {
    name: "gives every reader a copy of their own",
    async run({ store, entry }) {
      const expected = entry("json", {
        metadata: MEMBERS.metadata(),
        tags: MEMBERS.tags(),
        request: MEMBERS.request(),
        body: Body.json(MEMBERS.value()),
      });
      await store.set(expected);
      const readers = [() => found(store, expected.id)];
      if (store.getMany) readers.push(async () => (await store.getMany?.([{ id: expected.id }]))?.[0]?.entry);
      for (const read of readers) {
        const first = await read();
        if (first !== undefined) {
          tamperValue(first.body.json());
          tamper(first);
        }
        assertSameEntry(await read(), expected, "the entry after a reader changed what he was given");
      }
    },
  },
];

/** Changes what can be changed; what is frozen refuses, and that is as good as a copy. */
function tamper(entry: Entry): void {
  const { metadata, tags, request } = entry as unknown as {
    metadata: object;
    tags?: object;
    request?: { prompt: string[]; settings: { stop: string[] } };
  };
  attempt(() => Object.assign(metadata, { model: "tampered", added: 1 }));
  attempt(() => Object.assign(tags ?? {}, { customer: "tampered" }));
  attempt(() => request?.prompt.push("tampered"));
  attempt(() => request?.settings.stop.push("tampered"));
  attempt(() => Object.assign(entry, { createdAt: 0, text: "tampered" }));
}

function tamperValue(value: unknown): void {
  attempt(() =>
    Object.assign((value as { choices: { message: object }[] }).choices[0]?.message ?? {}, { content: "tampered" }),
  );
}

function attempt(change: () => unknown): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
