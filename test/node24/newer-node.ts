import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keptInstall } from "../support/kept-install.js";

const folder = fileURLToPath(new URL(".", import.meta.url));

/** The path of a Node that has `node:sqlite`: this one, or Node 24. */
export async function newerNode(): Promise<string> {
  return process.getBuiltinModule("node:sqlite") === undefined ? node24() : process.execPath;
}

/** The path of Node 24 or newer: this one, or one from npm that later runs find again. */
export async function node24(): Promise<string> {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const modules = join(await keptInstall(folder), "node_modules");
  const name = `node-${process.platform}-${process.arch}`;
  const path = join(modules, name, "bin/node");
  if (existsSync(path)) return path;
  throw new Error(`npm has no ${name}: run this with Node 24.`);
}
