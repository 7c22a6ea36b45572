import { expect, test } from "vitest";
import { closeAll } from "../src/closing.ts";
import { guard } from "../src/guard.ts";

const own = { host: "localhost:4141" };

test("what a page of another host loads is refused, though it says no origin", () => {
  const refuses = guard();
  for (const site of [undefined, "none", "same-origin", "same-site"])
    expect(refuses({ ...own, ...(site === undefined ? {} : { "sec-fetch-site": site }) })).toBeUndefined();
  expect(refuses({ ...own, "sec-fetch-site": "cross-site" })).toContain("web pages of other hosts");
  // A page that may ask says so by its origin.
  expect(
    guard(["localhost", "app.example"])({ ...own, origin: "https://app.example", "sec-fetch-site": "cross-site" }),
  ).toBeUndefined();
});

test("where any name is answered to, a neighbour's page is another host's", () => {
  const refuses = guard("any");
  const host = "gw.example";
  expect(refuses({ host, "sec-fetch-site": "same-site" })).toContain("web pages of other hosts");
  expect(refuses({ host, "sec-fetch-site": "same-origin" })).toBeUndefined();
  expect(refuses({ host })).toBeUndefined();
});

test("addresses of IPv6 are known with brackets and without", () => {
  const refuses = guard(["FD00::0:1", "[fd00::2]", "gw.example"]);
  for (const host of ["[fd00::1]:4141", "[fd00::2]", "GW.example"])
    expect([host, refuses({ host })]).toEqual([host, undefined]);
  expect(refuses({ host: "[fd00::3]" })).toContain("only to the host names");
});

test("what is closed is closed to the end, the last one first, though something fails", async () => {
  const closed: number[] = [];
  const close = (n: number) => async (): Promise<void> => {
    closed.push(n);
    if (n > 1) throw new Error(`failed ${n}`);
  };
  await expect(closeAll([close(1), close(2), close(3)])).rejects.toThrow("failed 3");
  expect(closed).toEqual([3, 2, 1]);
});
