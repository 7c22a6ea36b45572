// Makes a checkout ready to run something built: dependencies, then the build of what is named.
import { run } from "./command.mjs";
import { SetupError, environment, root, setup } from "./setup.mjs";

/** Prints what is wrong and resolves to `false` if it cannot; `options` are those of `turbo run build`. */
export async function setupAndBuild(options = []) {
  try {
    await setup();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    return false;
  }
  const { code, output } = await run("pnpm", ["run", "build", ...options], { cwd: root, env: environment });
  if (code === 0) return true;
  console.error(output.trimEnd());
  console.error("The build failed: see the output above.");
  return false;
}
