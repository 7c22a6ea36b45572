import { describe, expect, it } from "vitest";
import { OptionChecks } from "../src/index.ts";

const check = new OptionChecks("MyStore");

describe("checks of options", () => {
  it("let through what is right", () => {
    check.whole("maxBytes", 1);
    check.whole("maxBytes", 5, 5, 5);
    check.ms("timeoutMs", 2 ** 31 - 1);
    check.ms("timeoutMs", 0, 0);
    check.flag("readOnly", false);
    check.clock(Date.now);
    check.known({ maxBytes: undefined }, { maxBytes: true, clock: true });
    check.codec(undefined);
    check.codec({ encode: () => undefined, decode: () => undefined });
  });

  it.each([
    [() => check.whole("maxBytes", -5), "MyStore: maxBytes must be a whole number from 1, not -5."],
    [() => check.whole("maxBytes", "5"), 'MyStore: maxBytes must be a whole number from 1, not "5".'],
    [() => check.whole("port", 70_000, 0, 65_535), "MyStore: port must be a whole number from 0 to 65535, not 70000."],
    [() => check.whole("maxBytes", undefined), "MyStore: maxBytes must be a whole number from 1, not undefined."],
    [
      () => check.ms("timeoutMs", 2 ** 31),
      "MyStore: timeoutMs must be a whole number from 1 to 2147483647, not 2147483648.",
    ],
    [() => check.known({ maxByte: 1 }, { maxBytes: true }), "MyStore: maxByte is no option; known are maxBytes."],
    [() => check.flag("readOnly", null), "MyStore: readOnly must be true or false, not null."],
    [() => check.clock(5), "MyStore: clock must be a function that gives the time in ms, not 5."],
    [() => check.codec({ encode: 1 }), "MyStore: codec must be an object with name, encode and decode, not an object."],
    [() => check.codec(null), "MyStore: codec must be an object with name, encode and decode, not null."],
  ])("refuse what is not, naming the option: %#", (wrong, message) => {
    expect(wrong).toThrow(expect.objectContaining({ code: "ERR_LLMCACHE_OPTION", message }));
  });

  it("show a short text, a number or a type, never a whole value", () => {
    const secret = "a password that somebody gave in the wrong place, by accident";
    expect(check.wrong("prefix", "a text", secret).message.length).toBeLessThan(90);
    for (const value of [Symbol("x"), [secret], { secret }, () => secret, 1n])
      expect(check.wrong("prefix", "a text", value).message).not.toContain("password");
  });
});
