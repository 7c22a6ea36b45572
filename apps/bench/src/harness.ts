/** One way to do the work of a suite. */
export interface Contender {
  readonly name: string;
  /** Does the work `times` times, one after the other. */
  run(times: number): void | Promise<void>;
}

/** Several ways to do the same work; ratios are to the first. */
export interface Suite {
  readonly title: string;
  /** The first is the yardstick. */
  readonly contenders: readonly Contender[];
  /** What each contender's time may be, as a share of the yardstick's: stands beside the result. */
  readonly targets?: Readonly<Record<string, number>>;
  close?(): void | Promise<void>;
}

/** Median time of one piece of work. */
export interface Result {
  readonly name: string;
  readonly microseconds: number;
  readonly ratio: number;
  readonly target: number | undefined;
}

/** How long to measure. */
export interface Effort {
  readonly rounds: number;
  /** Each contender's share of a round, in ms. */
  readonly roundMs: number;
}

export const FULL: Effort = { rounds: 25, roundMs: 40 };
export const QUICK: Effort = { rounds: 3, roundMs: 5 };

/**
 * Rounds in which each contender has its turn, so that a drift of the machine's speed hits all alike. The ratio is the median of
 * the rounds' ratios, not the ratio of medians. No collection is forced between turns: a full one throws optimised code away with
 * the shapes of objects that no longer live, and what follows measures the compiler.
 */
export async function measure(suite: Suite, effort: Effort): Promise<Result[]> {
  const { contenders } = suite;
  const times: number[] = [];
  for (const contender of contenders) times.push(await calibrate(contender, effort.roundMs));
  const rounds: number[][] = contenders.map(() => []);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      rounds[index]?.push(await time(contender, times[index] as number));
    }
  }
  return contenders.map(({ name }, index) => ({
    name,
    microseconds: median(rounds[index] as number[]),
    ratio: median((rounds[index] as number[]).map((value, round) => value / (rounds[0] as number[])[round]!)),
    target: suite.targets?.[name],
  }));
}

async function calibrate(contender: Contender, roundMs: number): Promise<number> {
  let times = 1;
  for (;;) {
    const each = await time(contender, times);
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
