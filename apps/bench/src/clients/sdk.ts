import { findPackageJSON } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** The SDK that an adapter is developed with, which is installed beside the adapter. */
export async function sdkOf(adapter: string, sdk: string, entry: string): Promise<Readonly<Record<string, unknown>>> {
  const manifest = findPackageJSON(sdk, import.meta.resolve(adapter));
  if (manifest === undefined) throw new Error(`${sdk} is not installed beside ${adapter}.`);
  return (await import(pathToFileURL(join(dirname(manifest), entry)).href)) as Readonly<Record<string, unknown>>;
}
