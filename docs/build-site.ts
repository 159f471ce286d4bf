/**
 * `npm run docs`: guides and reference as one site, with one navigation and one search. TypeDoc names a document
 * after its file; a reader knows it by its heading.
 */
import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  Application,
  Comment,
  CommentTag,
  Converter,
  KindRouter,
  PageEvent,
  type Context,
  type DocumentReflection,
  type Reflection,
} from "typedoc";
import { sitePages } from "./site-pages.js";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Where each document's page is: after its file, so that a new heading breaks no link. */
const addresses = new WeakMap<Reflection, string>();

class PageRouter extends KindRouter {
  protected override getIdealBaseName(reflection: Reflection): string {
    return addresses.get(reflection) ?? super.getIdealBaseName(reflection);
  }
}

/** Builds the site into a folder. Throws when TypeDoc warns of anything. */
export async function buildSite(out: string): Promise<void> {
  const groups = Object.keys(sitePages);
  const files = Object.values(sitePages).flat();
  const app = await Application.bootstrap({
    options: fileURLToPath(new URL("../typedoc.json", import.meta.url)),
    projectDocuments: files.filter((file) => existsSync(new URL(file, pathToFileURL(root)))),
    router: "pages",
    out,
  });
  app.options.setValue("groupOrder", [...groups, "Modules", ...app.options.getValue("groupOrder")]);
  app.renderer.defineRouter("pages", PageRouter);
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context: Context | undefined, document) =>
    nameAfterHeading(document),
  );
  // A wide table scrolls in a box of its own, which the keyboard has to reach. A folder is opened by a web server,
  // and by no browser that reads files.
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = page.contents
      ?.replaceAll("<table>", '<div class="wide" tabindex="0"><table>')
      .replaceAll("</table>", "</table></div>")
      .replace(/href="((?:\.\.\/)+)(?=["#])/g, 'href="$1index.html');
  });
  const project = await app.convert();
  if (project === undefined) throw new Error("TypeDoc could not read the project.");
  app.validate(project);
  await app.generateOutputs(project);
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error("TypeDoc has something to say.");
}

function nameAfterHeading(document: DocumentReflection): void {
  const file = fileOf(document);
  const text = document.content.map((part) => part.text).join("");
  addresses.set(
    document,
    file
      .replace(/^docs\//, "")
      .replace(/^(?=[A-Z])/, "project/")
      .replace(/(?:\/README)?\.md$/, "")
      .toLowerCase(),
  );
  document.name = /^# (.+)$/m.exec(text)?.[1]?.replaceAll("`", "") ?? document.name;
  const group = Object.entries(sitePages).find(([, files]) => files.includes(file))?.[0] ?? "Guides";
  document.comment = new Comment([], [new CommentTag("@group", [{ kind: "text", text: group }])]);
}

function fileOf(document: DocumentReflection): string {
  const path = document.project.files.getReflectionPath(document) ?? "";
  return relative(root, path).replaceAll("\\", "/");
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await buildSite(process.argv[2] ?? `${root}docs/site`);
