import { EndpointError } from "./endpoint-error.ts";

/** What providers put behind a model's name: `-v2`, `:latest`, `-2024-01-01`. */
const VERSION = /^[-@:](?:latest|v?\d[\d.-]*)$/;
const LATEST = /[-@:]latest$/;

/**
 * Watches which model answers. A gateway's fallback, or a new version behind an old name, gives vectors that must not be
 * compared with those that are stored.
 */
export class AnsweringModel {
  readonly #asked: string;
  readonly #answersAs: string | undefined;
  #before: string | undefined;

  /** @param answersAs what the endpoint calls the model, where that is another name than `asked`. */
  constructor(asked: string, answersAs: string | undefined) {
    this.#asked = asked;
    this.#answersAs = answersAs;
  }

  /** @throws EndpointError for another model. An answer that names none may be of any. */
  check(answer: unknown): void {
    const model = (answer as { readonly model?: unknown } | undefined)?.model;
    if (typeof model !== "string" || model === "") return;
    const same = this.#answersAs === undefined ? isVersionOf(model, this.#asked) : model === this.#answersAs;
    if (!same) {
      throw new EndpointError(
        `the endpoint answered with another model than ${JSON.stringify(this.#answersAs ?? this.#asked)}. If that is its name for the same, give it as answersAs.`,
      );
    }
    const name = nameOf(model);
    this.#before ??= name;
    if (name !== this.#before)
      throw new EndpointError(
        "the endpoint answered with another version of the model than before: their vectors differ.",
      );
  }
}

function isVersionOf(given: string, asked: string): boolean {
  const [name, base] = [nameOf(given), nameOf(asked)];
  return name === base || (name.startsWith(base) && VERSION.test(name.slice(base.length)));
}

/** Without what a gateway puts before it, and without what says nothing. */
function nameOf(model: string): string {
  const name = model.slice(model.lastIndexOf("/") + 1).toLowerCase();
  return name.replace(LATEST, "");
}
