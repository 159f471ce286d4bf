/**
 * TypeDoc's view of the package: its entries are the modules, and they have the names that an import has. Every
 * page says how to import what it describes.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Application, Converter, ReflectionKind } from "typedoc";
import { MarkdownPageEvent } from "typedoc-plugin-markdown";

const root = resolve(import.meta.dirname, "../..");
const { name, tsup } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
const importedBy = new Map(
  Object.entries(tsup.entry).map(([entry, file]) => [
    resolve(root, file),
    entry === "index" ? name : `${name}/${entry}`,
  ]),
);
/** What has no value at run time. */
const types = ReflectionKind.Interface | ReflectionKind.TypeAlias;

export function load(app) {
  app.on(Application.EVENT_BOOTSTRAP_END, () => app.options.setValue("entryPoints", [...importedBy.keys()]));
  // Before TypeDoc makes addresses and links from the names.
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      const file =
        project.files.getReflectionPath(module) ?? project.getSymbolIdFromReflection(module)?.fileName;
      const entry = importedBy.get(file ?? "");
      if (entry === undefined) throw new Error(`${module.name} is no entry of the package: ${file}`);
      module.name = entry;
    }
  });
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      for (const child of module.children ?? []) {
        const documented = [child, ...(child.signatures ?? [])].some((part) => part.hasComment());
        if (!documented && !child.kindOf(ReflectionKind.Reference))
          app.logger.warn(`${child.name} of ${module.name} has no documentation`);
      }
    }
  });
  app.renderer.on(MarkdownPageEvent.END, (page) => {
    const { model } = page;
    // The site shows HTML as text, and nothing links to these.
    page.contents = page.contents.replaceAll(/<a id="type-parameter-[^"]*"><\/a> /g, "");
    const module = model.parent;
    if (module?.kind !== ReflectionKind.Module) return;
    const kind = model.kindOf(types) ? "import type" : "import";
    const line = `${kind} { ${model.name} } from "${module.name}";`;
    page.contents = page.contents.replace(/^# .*$/m, (heading) => `${heading}\n\n\`\`\`ts\n${line}\n\`\`\``);
  });
}
