// The packages as those who install them get them: packed, in a project of their own.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.mjs";
import { environment, root } from "./setup.mjs";

/** All packages that are published: name, folder, manifest. */
export const published = ["packages", "apps"].flatMap((parent) =>
  readdirSync(join(root, parent)).flatMap((name) => {
    const folder = join(root, parent, name);
    const manifest = readManifest(folder);
    return manifest === undefined || manifest.private === true ? [] : [{ name: manifest.name, folder, manifest }];
  }),
);

/** Packs what it is asked for, once, into a folder. */
export class Tarballs {
  #folder;
  #packed = new Map();

  constructor(folder) {
    this.#folder = folder;
  }

  /** The tarballs of these packages and of all of this project that they depend on. */
  async of(names) {
    const tarballs = [];
    for (const name of closureOf(names)) tarballs.push(await this.#one(name));
    return tarballs;
  }

  #one(name) {
    const known = this.#packed.get(name);
    if (known !== undefined) return known;
    const tarball = join(this.#folder, `${name.replaceAll(/\W+/g, "-")}.tgz`);
    const packing = must("pnpm", ["pack", "--out", tarball], find(name).folder).then(() => tarball);
    this.#packed.set(name, packing);
    return packing;
  }
}

/** An empty project in which these packages, and what else is named, are installed from tarballs and the registry. */
export async function projectWith(folder, tarballs, names) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const own = names.filter((name) => isPublished(name));
  const others = names.filter((name) => !isPublished(name));
  await must(
    "npm",
    ["install", "--no-audit", "--no-fund", "--prefer-offline", ...(await tarballs.of(own)), ...others],
    folder,
  );
  return folder;
}

/** What the lines with `npm install` under "Install" in a README name, but for those that say that they are optional. */
export function installedBy(readme) {
  const section = /^## Install\n([^]*?)(?=^## )/m.exec(readme)?.[1] ?? "";
  return section
    .split("\n")
    .filter((line) => line.startsWith("npm install ") && !/# optional/.test(line))
    .flatMap((line) => line.replace(/^npm install |#.*$/g, "").split(/\s+/))
    .filter((word) => word !== "" && !word.startsWith("-"));
}

/** Runs a command; what it printed, or an Error with that. */
export async function must(command, args, cwd, env = environment) {
  const { code, output } = await run(command, args, { cwd, env });
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} (in ${cwd}) ended with ${code}\n${output.trimEnd()}`);
  return output;
}

/** These packages, and those of this project that they depend on. */
export function closureOf(names) {
  const all = new Set();
  const add = (name) => {
    if (all.has(name)) return;
    all.add(name);
    for (const other of Object.keys(find(name).manifest.dependencies ?? {})) if (isPublished(other)) add(other);
  };
  for (const name of names) add(name);
  return [...all];
}

function isPublished(name) {
  return published.some((each) => each.name === name);
}

function find(name) {
  const found = published.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${name} is no published package of this project.`);
  return found;
}

function readManifest(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}
