import { expect, onTestFinished, test } from "vitest";
import { patientFetch } from "../src/index.ts";

const GLOBAL: unique symbol = Symbol.for("undici.globalDispatcher.1") as never;

test("asks by the global dispatcher of that moment, without its time-outs", async () => {
  // Made by the first request.
  await fetch("data:,").catch(() => undefined);
  const here = globalThis as { [GLOBAL]?: unknown };
  const before = here[GLOBAL];
  onTestFinished(() => {
    here[GLOBAL] = before;
  });
  const asked: object[] = [];
  const dispatch = (options: object): never => {
    asked.push(options);
    throw new Error("seen");
  };
  here[GLOBAL] = { dispatch };
  await expect(patientFetch("http://127.0.0.1:4141/models", { method: "POST", body: "{}" })).rejects.toThrow();
  expect(asked).toMatchObject([{ headersTimeout: 0, bodyTimeout: 0, method: "POST", path: "/models" }]);
});
