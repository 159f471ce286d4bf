import { readFile } from "node:fs/promises";

/** The version of an installed package, by its folder. */
export async function packageVersion(folder: string): Promise<string> {
  return (JSON.parse(await readFile(`${folder}/package.json`, "utf8")) as { version: string }).version;
}
