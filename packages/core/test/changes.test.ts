import { describe, expect, test } from "vitest";
import { Changes } from "../src/changes.ts";
import { OutdatedCopies } from "../src/outdated.ts";
import { turn } from "./stage.ts";

describe("changes", () => {
  test("count from their beginning until after their end, for their ids alone", async () => {
    const changes = new Changes();
    const before = changes.now();
    expect(changes.isUnchanged("a", before)).toBe(true);
    const { ready, end } = changes.begin(["a", "b"]);
    expect(ready).toBeUndefined();
    const during = changes.now();
    expect(["a", "b", "c"].map((id) => changes.isUnchanged(id, before))).toEqual([false, false, true]);
    end();
    await turn();
    expect(["a", "b", "c"].map((id) => changes.isUnchanged(id, during))).toEqual([false, false, true]);
    expect(changes.isUnchanged("a", changes.now())).toBe(true);
  });

  test("of one id take turns, also behind one that gave up waiting", async () => {
    const changes = new Changes();
    const order: string[] = [];
    const wait = ({ ready }: ReturnType<Changes["begin"]>, name: string): void =>
      void ready?.then(() => order.push(name));
    const first = changes.begin(["a"]);
    const second = changes.begin(["a", "b"]);
    const third = changes.begin(["b"]);
    wait(second, "second");
    wait(third, "third");
    second.end();
    await turn();
    expect(order).toEqual([]);
    first.end();
    await turn();
    expect(order).toEqual(["second", "third"]);
    third.end();
    await turn();
    expect(changes.begin(["a", "b"]).ready).toBeUndefined();
  });

  test("of everything concern what was read before and during them", () => {
    const changes = new Changes();
    const before = changes.now();
    const end = changes.beginAll();
    const during = changes.now();
    expect(changes.isUnchanged("a", during)).toBe(false);
    end();
    expect([before, during, changes.now()].map((since) => changes.isUnchanged("a", since))).toEqual([
      false,
      false,
      true,
    ]);
  });

  test("are remembered in bounded number: who reads for longer is told that everything changed", async () => {
    const changes = new Changes();
    const before = changes.now();
    for (let index = 0; index < 4096; index++) changes.begin([`${index}`]).end();
    await turn();
    expect(changes.isUnchanged("other", before)).toBe(true);
    changes.begin(["one more"]).end();
    await turn();
    expect(changes.isUnchanged("other", before)).toBe(false);
    expect(changes.isUnchanged("other", changes.now())).toBe(true);
  });
});

describe("outdated copies", () => {
  test("are those from before what is known of", () => {
    const outdated = new OutdatedCopies();
    const has = (id: string, createdAt: number): boolean => outdated.has({ id, createdAt });
    expect([has("a", 1), outdated.mayHave("a")]).toEqual([false, false]);
    outdated.note("a", 10);
    outdated.note("a", 5);
    expect([has("a", 9), has("a", 10), has("b", 9), outdated.mayHave("a")]).toEqual([true, false, false, true]);
    outdated.forget("a");
    expect(has("a", 9)).toBe(false);
    outdated.noteAll(20);
    expect([has("a", 19), has("a", 20), has("c", 19)]).toEqual([true, false, true]);
    outdated.forget("a");
    expect([has("a", 1), has("c", 19)]).toEqual([false, true]);
    outdated.forgetAll();
    expect(has("c", 19)).toBe(false);
  });

  test("are known in bounded number, the newest longest", () => {
    const outdated = new OutdatedCopies();
    for (let index = 0; index <= 10_000; index++) outdated.note(`${index}`, 10);
    expect(["0", "1", "10000"].map((id) => outdated.has({ id, createdAt: 9 }))).toEqual([false, true, true]);
  });
});
