import { Claims } from "./claims.ts";

/** Which sample of the cache a call on a view stands for. All of it is synchronous: calls claim in the order in which they begin. */
export interface Positions {
  /** @param id of the request at sample 0. @param from the position that is wanted: relative to this view. */
  claim(id: string, from: number): Position;
}

/** A claimed position. */
export interface Position {
  /** On the cache. */
  readonly sample: number;
  /** To be called once: was there an answer? If not, somebody else gets the position. */
  settle(wasAnswered: boolean): void;
}

/** The cache itself: its own positions, which everybody may have. */
export class PlainPositions implements Positions {
  claim(_id: string, from: number): Position {
    return { sample: from, settle: () => undefined };
  }
}

/** Every claim gets a position of its own: a cursor per request, kept as long as the view lives. */
export class IndependentPositions implements Positions {
  readonly #below: Positions;
  readonly #cursors: Map<string, Claims> = new Map<string, Claims>();

  constructor(below: Positions) {
    this.#below = below;
  }

  claim(id: string): Position {
    let claims = this.#cursors.get(id);
    if (claims === undefined) this.#cursors.set(id, (claims = new Claims()));
    const cursor = claims;
    const claim = cursor.take(0);
    const below = this.#below.claim(id, claim.position);
    return {
      sample: below.sample,
      settle: (wasAnswered) => {
        below.settle(wasAnswered);
        if (!wasAnswered) cursor.giveBack(claim);
      },
    };
  }
}

interface Remembered {
  readonly position: Position;
  users: number;
  wasAnswered: boolean;
}

/** A position stands for the same one below, once there was an answer. Kept as long as the view lives. */
export class RepeatablePositions implements Positions {
  readonly #below: Positions;
  readonly #requests: Map<string, Map<number, Remembered>> = new Map<string, Map<number, Remembered>>();

  constructor(below: Positions) {
    this.#below = below;
  }

  claim(id: string, from: number): Position {
    let known = this.#requests.get(id);
    if (known === undefined) this.#requests.set(id, (known = new Map<number, Remembered>()));
    const positions = known;
    let remembered = positions.get(from);
    if (remembered === undefined) {
      remembered = { position: this.#below.claim(id, from), users: 0, wasAnswered: false };
      positions.set(from, remembered);
    }
    const own = remembered;
    own.users++;
    return {
      sample: own.position.sample,
      settle: (wasAnswered) => {
        own.users--;
        if (own.wasAnswered) return;
        if (wasAnswered) {
          own.wasAnswered = true;
          own.position.settle(true);
        } else if (own.users === 0) {
          positions.delete(from);
          own.position.settle(false);
        }
      },
    };
  }
}
