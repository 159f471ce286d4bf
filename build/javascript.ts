/**
 * The JavaScript of `dist`, which is emptied first: all entries and the command line out of one graph, so that nothing is in it twice.
 *
 * A bundler that splits by itself cuts a chunk for every combination of entries. The command line reaches a bit of
 * everything, so importing the package would load a third more files. Here its commands have no say in where the
 * library is cut, only what it starts with has, and what would make a small chunk goes along with a bigger one that the same entries load anyway.
 */
import { chmodSync, copyFileSync, readFileSync, rmSync } from "node:fs";
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

/** How much of itself an entry may have to load in vain, in fewer files. */
const mayAdd = 0.45;
/** The root entry, which nearly everybody loads: it gets nothing in vain. */
const everybodys = resolve(root, tsup.entry["index"] ?? "");
/** Whoever loads one of these loads the root as well, so nothing that the root has is in vain. */
const besideIt: ReadonlySet<string> = new Set(
  ["ai-sdk", "express", "fastify", "hono", "node", "openai-agents", "otel", "sign-in", "turn"].map((name) =>
    resolve(root, tsup.entry[name] ?? ""),
  ),
);

/** Types off. Modules are looked for in `src` only; every package stays outside. */
const typescript: Plugin = {
  name: "typescript",
  resolveId(id, from) {
    if (from === undefined) return resolve(root, id);
    // A CommonJS file stays what it is, beside the file that loads it.
    if (!id.startsWith(".") || id.endsWith(".cjs")) return { id, external: true };
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

/** Groups as files: how large each is, and which others it imports. */
interface Layout {
  readonly sizes: readonly number[];
  readonly imports: readonly ReadonlySet<number>[];
  /** Which file a group went into. */
  readonly homes: readonly number[];
}

/**
 * Makes few groups out of many, because a file costs more than the lines in it that an entry has no use for. Each time
 * the two are joined that add least to what entries load, until every pair left would add too much to one of them.
 */
function mergeSmall(groups: readonly Group[], modules: ReadonlyMap<string, Module>): void {
  const numberOf = new Map(groups.flatMap(({ modules: ids }, n) => [...ids].map((id) => [id, n] as const)));
  const numbers = (ids: Iterable<string>): number[] => [...ids].flatMap((id) => numberOf.get(id) ?? []);
  let layout: Layout = {
    sizes: groups.map((group) =>
      [...group.modules].reduce((sum, id) => sum + (modules.get(id)?.size ?? 0), 0),
    ),
    imports: groups.map(
      (group) => new Set([...group.modules].flatMap((id) => numbers(modules.get(id)?.imports ?? []))),
    ),
    homes: groups.map((_group, n) => n),
  };
  const entries = new Map(
    [...new Set(groups.flatMap((group) => [...group.entries]))].map((id) => [
      id,
      numbers(besideIt.has(id) ? [id, everybodys] : [id]),
    ]),
  );
  const needed = new Map([...entries].map(([entry, start]) => [entry, loaded(layout, start)]));
  const added = (joined: Layout): number => {
    let sum = 0;
    for (const [entry, start] of entries) {
      const size = needed.get(entry) ?? 0;
      const more = loaded(joined, start) - size;
      if (more > (entry === everybodys || besideIt.has(entry) ? 0 : size * mayAdd)) return Infinity;
      sum += more;
    }
    return sum;
  };
  const shared = groups.flatMap((group, n) => (group.entries.size > 1 ? [n] : []));
  for (;;) {
    const left = shared.filter((n) => layout.homes[n] === n);
    const pairs = left.flatMap((into, at) => left.slice(at + 1).map((from) => [into, from] as const));
    let [least, best] = [Infinity, layout];
    for (const [into, from] of pairs) {
      const homes = layout.homes.map((home) => (home === from ? into : home));
      const more = added({ ...layout, homes });
      if (more < least) [least, best] = [more, { ...layout, homes }];
    }
    if (least === Infinity) break;
    layout = best;
  }
  for (const [n, home] of layout.homes.entries()) {
    if (home === n) continue;
    for (const id of groups[n]?.modules ?? []) groups[home]?.modules.add(id);
    groups[n]?.modules.clear();
  }
}

/** How much is loaded with these groups: the whole of each file, and whatever that imports. */
function loaded({ sizes, imports, homes }: Layout, start: readonly number[]): number {
  const files = new Set(start.map((n) => homes[n]));
  // A set that grows is walked to its end.
  let sum = 0;
  for (const file of files)
    for (const [n, home] of homes.entries()) {
      if (home !== file) continue;
      sum += sizes[n] ?? 0;
      for (const imported of imports[n] ?? []) files.add(homes[imported]);
    }
  return sum;
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
  makeAbsoluteExternalsRelative: false,
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
copyFileSync(resolve(sources, "exchange/msal.cjs"), resolve(root, "dist/msal.cjs"));
for (const file of Object.values(bin)) chmodSync(resolve(root, file), 0o755);
