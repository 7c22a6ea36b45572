import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deadlines } from "../src/deadline.ts";
import { refusal } from "./stage.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = (): Promise<never> => new Promise(() => undefined);
const late = (): Error => new Error("late");

describe("deadlines", () => {
  it("give what comes in time, and what fails in time", async () => {
    const deadlines = new Deadlines();
    expect(await deadlines.run(1000, late, async () => 1)).toBe(1);
    await expect(deadlines.run(1000, late, () => Promise.reject(new Error("down")))).rejects.toThrow("down");
    const throwing = (): Promise<never> => {
      throw new Error("at once");
    };
    await expect(deadlines.run(1000, late, throwing)).rejects.toThrow("at once");
  });

  it("refuse what is late, each with its own error, and abort it; nobody is late before 95 % of the time", async () => {
    const deadlines = new Deadlines();
    const signals: AbortSignal[] = [];
    const hang = (signal: AbortSignal): Promise<never> => {
      signals.push(signal);
      return never();
    };
    const first = refusal(
      deadlines.run(1000, () => new Error("first is late"), hang),
      "first is late",
    );
    vi.advanceTimersByTime(40);
    const second = refusal(
      deadlines.run(1000, () => new Error("second is late"), hang),
      "second is late",
    );
    vi.advanceTimersByTime(40);
    const third = refusal(
      deadlines.run(1000, () => new Error("third is late"), hang),
      "third is late",
    );
    vi.advanceTimersByTime(919);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
    vi.advanceTimersByTime(1);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
    await Promise.all([first, second]);
    vi.advanceTimersByTime(80);
    expect(signals[2]!.reason).toMatchObject({ message: "third is late" });
    await third;
  });

  it("of calls that begin together need one timer and one signal; other times have their own", async () => {
    const deadlines = new Deadlines();
    const signals = new Set<AbortSignal>();
    const quick = async (signal: AbortSignal): Promise<void> => void signals.add(signal);
    for (let i = 0; i < 1000; i++) await deadlines.run(1000, late, quick);
    expect(signals.size).toBe(1);
    expect(vi.getTimerCount()).toBe(1);
    await deadlines.run(500, late, quick);
    expect(signals.size).toBe(2);
    vi.advanceTimersByTime(100);
    for (let i = 0; i < 10; i++) await deadlines.run(500, late, quick);
    expect(signals.size).toBe(3);
    // A time that has passed without anybody being late aborts nothing.
    vi.advanceTimersByTime(2000);
    expect([...signals].some(({ aborted }) => aborted)).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("closed, leave no timer, though what is under way keeps its own", async () => {
    const deadlines = new Deadlines();
    await deadlines.run(1000, late, async () => 1);
    deadlines.close();
    expect(vi.getTimerCount()).toBe(0);
    const hanging = refusal(deadlines.run(1000, late, never), "late");
    deadlines.close();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1000);
    await hanging;
    expect(vi.getTimerCount()).toBe(0);
  });
});
