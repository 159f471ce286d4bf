/**
 * The JavaScript of `dist`, which is emptied first: all entries and the command line out of one graph, so that nothing is in it twice.
 *
 * A bundler that splits by itself cuts a chunk for every combination of entries. The command line reaches a bit of
 * everything, so importing the package would load a third more files. Here its commands have no say in where the
 * library is cut, only what it starts with has, and what would make a small chunk goes along with a bigger one that the same entries load anyway.
 */
import { chmodSync, readFileSync, rmSync } from "node:fs";
import { dirname, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";
import { rollup, type ManualChunkMeta, type Plugin } from "rollup";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = resolve(root, "src") + sep;
const commandLine = resolve(sources, "cli") + sep;

const { tsup, bin } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8")) as {
  readonly tsup: { readonly entry: Readonly<Record<string, string>>; readonly target: string };
  readonly bin: Readonly<Record<string, string>>;
};

const command: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(bin).map((file) => [file.replace("./dist/", "").replace(/\.js$/, ""), "src/cli/main.ts"]),
);
const input: Readonly<Record<string, string>> = { ...tsup.entry, ...command };

/** How much of itself an entry may have to load in vain for one merge. More, and the budgets of the entries are missed. */
const mayAdd = 0.02;
/** The root entry, which nearly everybody loads: it gets nothing in vain. */
const everybodys = resolve(root, tsup.entry["index"] ?? "");

/** Types off. Modules are looked for in `src` only; every package stays outside. */
const typescript: Plugin = {
  name: "typescript",
  resolveId(id, from) {
    if (from === undefined) return resolve(root, id);
    if (!id.startsWith(".")) return { id, external: true };
    return resolve(dirname(from), id.replace(/\.js$/, ".ts"));
  },
  async transform(code, id) {
    const options = { loader: "ts", target: tsup.target, sourcefile: id } as const;
    const compilerOptions = { target: "ES2023", verbatimModuleSyntax: true } as const;
    return {
      code: (await transform(code, { ...options, tsconfigRaw: { compilerOptions } })).code,
      map: null,
    };
  },
};

interface Module {
  readonly size: number;
  readonly imports: readonly string[];
}

/** Modules that the same entries of the library reach, by the names of these entries. */
type Group = { readonly entries: ReadonlySet<string>; readonly modules: Set<string> };

function groupsOf(modules: ReadonlyMap<string, Module>, entries: readonly string[]): Group[] {
  const reachedBy = new Map<string, string[]>();
  for (const entry of entries)
    for (const id of reach(modules, [entry])) reachedBy.set(id, [...(reachedBy.get(id) ?? []), entry]);
  const groups = new Map<string, Group>();
  for (const [id, by] of reachedBy) {
    const key = by.join("\n");
    const group = groups.get(key) ?? { entries: new Set(by), modules: new Set() };
    groups.set(key, group);
    group.modules.add(id);
  }
  return [...groups.values()];
}

function reach(modules: ReadonlyMap<string, Module>, from: readonly string[]): ReadonlySet<string> {
  const reached = new Set(from);
  // A set that grows is walked to its end.
  for (const id of reached) for (const next of modules.get(id)?.imports ?? []) reached.add(next);
  return reached;
}

/** Moves the modules of small groups to a group that more entries load, where what they import is loaded as well. */
function mergeSmall(groups: readonly Group[], modules: ReadonlyMap<string, Module>): void {
  const sizeOf = (ids: Iterable<string>): number =>
    [...ids].reduce((sum, id) => sum + (modules.get(id)?.size ?? 0), 0);
  const groupOf = (id: string): Group | undefined => groups.find((group) => group.modules.has(id));
  const weights = new Map(
    groups.flatMap(({ entries }) => [...entries]).map((entry) => [entry, sizeOf(reach(modules, [entry]))]),
  );
  for (const group of [...groups].sort((a, b) => sizeOf(a.modules) - sizeOf(b.modules))) {
    if (group.entries.size === 1) continue;
    const size = sizeOf(group.modules);
    const bears = (entry: string): boolean =>
      group.entries.has(entry) || (entry !== everybodys && size <= (weights.get(entry) ?? 0) * mayAdd);
    const needed = [...group.modules].flatMap((id) => modules.get(id)?.imports ?? []).map(groupOf);
    const home = groups
      .filter((other) => other !== group && other.modules.size > 0 && isWithin(group, other))
      .filter((other) => [...other.entries].every(bears))
      .filter((other) => needed.every((one) => one === group || (one !== undefined && isWithin(other, one))))
      .sort((a, b) => a.entries.size - b.entries.size)[0];
    if (home === undefined) continue;
    for (const id of group.modules) home.modules.add(id);
    group.modules.clear();
  }
}

function isWithin({ entries }: Group, { entries: others }: Group): boolean {
  return [...entries].every((entry) => others.has(entry));
}

/** The chunk of each module; those without one go where their only entry is. */
function chunksOf(context: ManualChunkMeta): ReadonlyMap<string, string> {
  const modules = new Map<string, Module>();
  const entries = new Set(Object.values(input).map((file) => resolve(root, file)));
  for (const id of context.getModuleIds()) {
    const info = context.getModuleInfo(id);
    if (info === null || info.isExternal) continue;
    const imports = info.importedIds.filter((one) => one.startsWith(sources));
    modules.set(id, { size: info.code?.length ?? 0, imports });
    for (const lazy of info.dynamicallyImportedIds)
      if (lazy.startsWith(sources) && !lazy.startsWith(commandLine)) entries.add(lazy);
  }
  const forCommands = reach(
    modules,
    [...modules.keys()].filter((id) => id.startsWith(commandLine)),
  );
  const groups = groupsOf(modules, [...entries]);
  mergeSmall(groups, modules);
  const chunks = new Map<string, string>();
  for (const [n, { entries: by, modules: ids }] of groups.entries()) {
    const shared = [...ids].filter((id) => by.size > 1 || forCommands.has(id));
    for (const id of shared) if (!entries.has(id)) chunks.set(id, `chunk-${n}`);
  }
  return chunks;
}

const bundle = await rollup({
  input,
  plugins: [typescript],
  treeshake: { moduleSideEffects: false },
  onwarn: (warning) => {
    throw new Error(warning.message);
  },
});
rmSync(resolve(root, "dist"), { recursive: true, force: true });
let chunks: ReadonlyMap<string, string> | undefined;
await bundle.write({
  dir: resolve(root, "dist"),
  format: "es",
  entryFileNames: "[name].js",
  chunkFileNames: ({ moduleIds }) =>
    moduleIds.some((id) => !id.startsWith(commandLine)) ? "chunk-[hash].js" : "cli/[name]-[hash].js",
  hoistTransitiveImports: false,
  minifyInternalExports: false,
  manualChunks: (id, context) => (chunks ??= chunksOf(context)).get(id),
});
await bundle.close();
for (const file of Object.values(bin)) chmodSync(resolve(root, file), 0o755);
