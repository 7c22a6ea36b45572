// Does every changed package have a changeset? Compares with the main branch; exits with 77 where nothing can be compared.
import { run } from "./command.mjs";
import { environment, root } from "./setup.mjs";

const SKIPPED = 77;

const base = await comparable(["main", "origin/main", "HEAD"]);
if (base === undefined) {
  console.log("Not a git repository with a commit: changesets are not checked.");
  process.exitCode = SKIPPED;
} else {
  // Without an explicit reference, changesets that are on the main branch already count too.
  const since = base === "main" ? [] : [`--since=${base}`];
  const { code, output } = await run("changeset", ["status", ...since], { cwd: root, env: environment });
  console.log(output.trimEnd());
  // Problems of the configuration are printed, and no more.
  process.exitCode = output.includes("Found issues in your config") ? 1 : code;
}

/** The first of these references that exists and shares history with the checkout. */
async function comparable(references) {
  for (const reference of references) {
    const { code } = await run("git", ["merge-base", reference, "HEAD"], { cwd: root });
    if (code === 0) return reference;
  }
  return undefined;
}
