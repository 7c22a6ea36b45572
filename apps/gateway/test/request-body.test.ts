import { PassThrough } from "node:stream";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { passBody, StallWatch } from "../src/request-body.ts";

const LIMIT_MS = 1000;

let watch: StallWatch;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  watch = new StallWatch(LIMIT_MS);
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

/** A body that is written here. */
function bodyOf(): { readonly sender: PassThrough; readonly request: IncomingMessage } {
  const sender = new PassThrough({ highWaterMark: 100 });
  sender.on("error", () => undefined);
  return { sender, request: sender as unknown as IncomingMessage };
}

test("a sender of whom nothing is taken has not stopped; one of whom nothing comes has", async () => {
  const { sender, request } = bodyOf();
  const { stream } = passBody(request, watch, () => undefined);
  const reader = stream.getReader();
  sender.write(Buffer.alloc(100));
  expect((await reader.read()).value).toHaveLength(100);
  sender.write(Buffer.alloc(200));
  await vi.waitFor(() => expect(request.isPaused()).toBe(true));
  vi.advanceTimersByTime(10 * LIMIT_MS);
  expect(sender.destroyed).toBe(false);
  expect((await reader.read()).value).toHaveLength(200);
  const next = reader.read();
  await vi.waitFor(() => expect(request.isPaused()).toBe(false));
  vi.advanceTimersByTime(2 * LIMIT_MS);
  await expect(next).rejects.toThrow("The client stopped sending its body.");
  expect(sender.destroyed).toBe(true);
});

test("what comes after nobody takes it any more is read for a while, and then is too much", async () => {
  const { sender, request } = bodyOf();
  let came = 0;
  const { stream, leave } = passBody(request, watch, (bytes) => (came += bytes));
  const piece = Buffer.alloc(4 * 1024 * 1024);
  sender.write(piece);
  await vi.waitFor(() => expect(came).toBe(piece.byteLength));
  leave();
  for (let count = 1; count <= 4; count++) {
    sender.write(piece);
    await vi.waitFor(() => expect(came).toBe((1 + count) * piece.byteLength));
  }
  expect(sender.destroyed).toBe(false);
  sender.write("one more");
  await vi.waitFor(() => expect(sender.destroyed).toBe(true));
  await stream.cancel();
});

test("one who leaves in the middle breaks the body off, one who ends it does not", async () => {
  const left = bodyOf();
  const broken = passBody(left.request, watch, () => undefined).stream.getReader();
  left.sender.write("abc");
  expect((await broken.read()).done).toBe(false);
  left.sender.destroy();
  await expect(broken.read()).rejects.toThrow("in the middle of its body");
  const ended = bodyOf();
  const whole = passBody(ended.request, watch, () => undefined).stream.getReader();
  ended.sender.end("abc");
  expect(Buffer.from((await whole.read()).value ?? []).toString()).toBe("abc");
  expect((await whole.read()).done).toBe(true);
});
