import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { filesUnder, root, type SourceFile } from "./tree.js";

const run = promisify(execFile);
const template = fileURLToPath(new URL("in-tree/token-broker.ts.txt", import.meta.url));

/** A file is named by a line of its own, so that it can move. */
interface Edit {
  /** What the file is touched for. */
  readonly what: string;
  /** Text that stands in that file and in no other. */
  readonly inFileWith: string;
  readonly find: string | RegExp;
  readonly replace: string;
}

/** What a source of tokens of our own needs besides its file. */
const edits: readonly Edit[] = [
  {
    what: "entry",
    inFileWith: "export { passthrough } from ",
    find: /^export \{ passthrough \} from .*$/m,
    replace: 'export { tokenBroker } from "{{export function tokenBroker(}}";\n$&',
  },
  {
    what: "error row",
    inFileWith: "export const tokenCodes",
    find: '  | "no_token"',
    replace: '$&\n  | "token_broker_refused"',
  },
  {
    what: "error row",
    inFileWith: "export const tokenCodes",
    find: "  no_token: {",
    replace:
      '  token_broker_refused: { category: "config", title: "The broker gave no token.", help: "Ask who runs it." },\n$&',
  },
  {
    what: "emulator route",
    inFileWith: "const routes: Record<string, Route> = {",
    find: "const routes: Record<string, Route> = {",
    replace:
      '$&\n  "broker/token": { methods: ["POST"], errors: "json", handle: ({ params }) => json(200, { oid: params.get("oid") }) },',
  },
  {
    what: "way table",
    inFileWith: "export const sourceKinds",
    find: /"on_behalf_of",?/,
    replace: '"token_broker",\n  $&',
  },
  {
    what: "row of doctor",
    inFileWith: "const ways: Readonly<Record<SourceKind",
    find: "  agent_on_behalf_of: {",
    replace:
      '  token_broker: { serves: "whom the broker knows", judge: () => ({ status: "possible", detail: "ask it." }) },\n$&',
  },
];

/** The files of `src` that a new way to a token touches, each with what for. */
export interface TouchedFile {
  readonly path: string;
  readonly what: string;
}

/**
 * Adds a source of tokens to a copy of the tree as a contributor would: its file, its export, an error code, its kind, a
 * route of the emulator, a row of the command line. Throws where the result does not compile or
 * imports what its floor may not, and where an edit no longer finds its place.
 */
export async function addSourceToCopy(): Promise<readonly TouchedFile[]> {
  const copy = await mkdtemp(join(tmpdir(), "in-tree-source-"));
  try {
    for (const part of ["src", "package.json", "tsconfig.json", ".oxlintrc.json"])
      await cp(join(root, part), join(copy, part), { recursive: true });
    await symlink(join(root, "node_modules"), join(copy, "node_modules"), "dir");
    const touched = await patch(copy);
    const typescript = join(root, "node_modules/typescript7/bin/tsc");
    const lint = join(root, "node_modules/.bin/oxlint");
    await said(run(process.execPath, [typescript, "-p", "tsconfig.json"], { cwd: copy }));
    await said(run(lint, ["--deny-warnings", "src"], { cwd: copy }));
    return touched;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function patch(copy: string): Promise<readonly TouchedFile[]> {
  const files = new Map(filesUnder("src", copy).map((file) => [file.path, file.text]));
  const beside = theFileWith(files, "export function passthrough(");
  const source = `${dirname(beside)}/token-broker.ts`;
  const touched = new Map([[source, "source"]]);
  files.set(source, linked(source, readFileSync(template, "utf8"), files));
  for (const { what, inFileWith, find, replace } of edits) {
    const path = theFileWith(files, inFileWith);
    const before = files.get(path) ?? "";
    const after = before.replace(find, linked(path, replace, files));
    if (after === before) throw new Error(`${what}: ${path} has changed; mend test/house/in-tree-source.ts`);
    files.set(path, after);
    touched.set(path, what);
  }
  for (const path of touched.keys()) await writeFile(join(copy, path), files.get(path) ?? "");
  return [...touched].map(([path, what]) => ({ path, what }));
}

/** Writes for `{{some text}}` the way from one file to the file that has that text. */
function linked(from: string, text: string, files: ReadonlyMap<string, string>): string {
  return text.replace(/\{\{(.+?)\}\}/g, (_, wanted: string) => {
    const way = relative(dirname(from), theFileWith(files, wanted)).replace(/\.ts$/, ".js");
    return way.startsWith(".") ? way : `./${way}`;
  });
}

function theFileWith(files: ReadonlyMap<SourceFile["path"], string>, text: string): string {
  const [found, ...others] = [...files].filter(([, content]) => content.includes(text));
  if (found === undefined || others.length > 0)
    throw new Error(
      `${found === undefined ? "No file" : "More than one file"} of src has ${JSON.stringify(text)}`,
    );
  return found[0];
}

/** A failed command with what it printed. */
async function said(running: Promise<unknown>): Promise<void> {
  try {
    await running;
  } catch (cause) {
    const { stdout, stderr } = cause as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`A new source does not fit in:\n${stdout ?? ""}${stderr ?? ""}`, { cause });
  }
}
