import { Document, isCollection, isMap, isScalar, type Node, type Pair } from "yaml";
import type { Effective, Path, TierInput } from "./configuration.ts";
import { shownURL } from "./secrets.ts";
import type { ChosenUpstreams } from "./upstream.ts";

/**
 * The configuration that is in force, as a file that says the same, with a comment about where each member came from. Of store URLs
 * user, password and parameters are left out; keys are in no configuration.
 */
export function printed(given: Effective, { shown, sources }: ChosenUpstreams): string {
  const { store, tiers } = given.values;
  // Members keep their places; what is undefined is not written.
  const tree = {
    ...given.values,
    store: store?.trim().split(/\s+/).map(shownURL).join(" "),
    tiers: tiers?.map((tier) => (typeof tier === "string" ? shownURL(tier) : shownTier(tier))),
    upstreams: shown,
  };
  const document = new Document(tree, { aliasDuplicateObjects: false });
  annotate(document.contents, [], (path) =>
    path[0] === "upstreams" && typeof path[1] === "number" ? sources[path[1]] : given.source(path),
  );
  if (shown === undefined)
    document.comment =
      " upstreams: a demo model on this machine answers, because no key and no base URL of a provider is set.";
  return document.toString({ lineWidth: 0 });
}

function shownTier(tier: TierInput): TierInput {
  return tier.url === undefined ? tier : { ...tier, url: shownURL(tier.url) };
}

/** A comment behind each value; above each list, and above each item of a list of groups. */
function annotate(node: unknown, path: Path, source: (path: Path) => string | undefined): void {
  if (!isMap(node)) return;
  for (const pair of node.items as Pair<Node, Node>[]) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    const at = [...path, name];
    if (isScalar(pair.value)) pair.value.comment = ` ${source(at) ?? ""}`;
    else if (isMap(pair.value)) annotate(pair.value, at, source);
    else if (isCollection(pair.value)) {
      const items = pair.value.items as Node[];
      if (name !== "upstreams") pair.key.commentBefore = ` ${source(at) ?? ""}`;
      else for (const [index, item] of items.entries()) item.commentBefore = ` ${source([...at, index]) ?? ""}`;
    }
  }
}
