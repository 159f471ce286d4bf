/**
 * `npm run docs`: guides and reference as one site, in `docs/site/dist`. Its tools have a package of their own in
 * `docs/site`, which is installed when its lockfile has changed. What follows the command goes to VitePress:
 * `npm run docs -- --base /a-folder/`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { diagrams } from "./build-diagrams.js";
import { pageOf, siteContent } from "./site-content.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const site = join(root, "docs/site");
const pages = join(site, "pages");

const content = siteContent();
installTools();
rmSync(pages, { recursive: true, force: true });
for (const [path, text] of content.pages) write(path, text);
for (const [path, file] of content.images) copy(file, path);
copy("docs/site/home.md", "index.md");
for (const file of diagrams().keys()) copy(file, pageOf(file));
copy("docs/site/logo.svg", "public/logo.svg");
write("navigation.json", JSON.stringify(content.navigation));
run(root, "typedoc/bin/typedoc", "--options", "typedoc.json", "--logLevel", "Warn");
run(site, "vitepress/bin/vitepress.js", "build", ...process.argv.slice(2));

/** Runs a tool of the site, and ends when it fails. */
function run(cwd: string, tool: string, ...args: string[]): void {
  const { status } = spawnSync(process.execPath, [join(site, "node_modules", tool), ...args], {
    cwd,
    stdio: "inherit",
  });
  if (status !== 0) process.exit(1);
}

/** `npm ci`, unless what the lockfile names is there. */
function installTools(): void {
  const lock = readFileSync(join(site, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex");
  const stamp = join(site, "node_modules/.installed-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  const npm = ["ci", "--ignore-scripts", "--prefer-offline"];
  const { status } = spawnSync("npm", npm, { cwd: site, stdio: "inherit" });
  if (status !== 0) process.exit(1);
  writeFileSync(stamp, hash);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(pages, path)), { recursive: true });
  writeFileSync(join(pages, path), text);
}

function copy(file: string, path: string): void {
  mkdirSync(dirname(join(pages, path)), { recursive: true });
  copyFileSync(join(root, file), join(pages, path));
}
