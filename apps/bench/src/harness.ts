/** One way to do the work of a suite. */
export interface Contender {
  readonly name: string;
  /** Does the work `times` times, one after the other. */
  run(times: number): void | Promise<void>;
}

/** What a contender's time may be at most. */
export interface Target {
  /** As a share of the yardstick's time. */
  readonly atMost: number;
  /** Why it is missed where it is: shown beside the figure then. */
  readonly whyMissed?: string;
}

/** Several ways to do the same work; ratios are to the first. */
export interface Suite {
  readonly title: string;
  /** The first is the yardstick. */
  readonly contenders: readonly Contender[];
  /** By the name of the contender. A number is a {@link Target} about which there is nothing to say. */
  readonly targets?: Readonly<Record<string, number | Target>>;
  close?(): void | Promise<void>;
}

/** Median time of one piece of work. */
export interface Result {
  readonly name: string;
  readonly microseconds: number;
  readonly ratio: number;
  readonly target: Target | undefined;
}

/** How long to measure. */
export interface Effort {
  readonly rounds: number;
  /** Each contender's share of a round, in ms. */
  readonly roundMs: number;
  /** For how long each contender runs before it is measured: until the engine has optimised what it goes through. */
  readonly warmUpMs: number;
}

export const FULL: Effort = { rounds: 21, roundMs: 40, warmUpMs: 250 };
export const QUICK: Effort = { rounds: 2, roundMs: 2, warmUpMs: 0 };

/**
 * Rounds in which each contender has its turn, so that a drift of the machine's speed hits all alike. The ratio is the median of
 * the rounds' ratios, not the ratio of medians. No collection is forced between turns: a full one throws optimised code away with
 * the shapes of objects that no longer live, and what follows measures the compiler.
 */
export async function measure(suite: Suite, effort: Effort): Promise<Result[]> {
  const { contenders } = suite;
  for (const contender of contenders) await warmUp(contender, effort);
  const times: number[] = [];
  for (const contender of contenders) times.push(await calibrate(contender, effort.roundMs));
  const rounds: number[][] = contenders.map(() => []);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      rounds[index]?.push(await time(contender, times[index] as number));
    }
  }
  return contenders.map(({ name }, index) => {
    const target = suite.targets?.[name];
    return {
      name,
      microseconds: median(rounds[index] as number[]),
      ratio: median((rounds[index] as number[]).map((value, round) => value / (rounds[0] as number[])[round]!)),
      target: typeof target === "number" ? { atMost: target } : target,
    };
  });
}

async function warmUp(contender: Contender, { roundMs, warmUpMs }: Effort): Promise<void> {
  for (const until = Date.now() + warmUpMs; Date.now() < until;) {
    await contender.run(await calibrate(contender, roundMs / 4));
  }
}

async function calibrate(contender: Contender, roundMs: number): Promise<number> {
  let times = 1;
  for (;;) {
    let each = await time(contender, times);
    // Once may have been a compilation, a collection, or another process.
    if (each * times >= roundMs * 500) each = Math.min(each, await time(contender, times));
    if (each * times >= roundMs * 500 || times > 10_000_000) return Math.max(1, Math.round((roundMs * 1000) / each));
    times *= 2;
  }
}

/** Microseconds for one. */
async function time(contender: Contender, times: number): Promise<number> {
  const start = process.hrtime.bigint();
  await contender.run(times);
  return Number(process.hrtime.bigint() - start) / 1000 / times;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
