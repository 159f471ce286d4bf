import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The commands of a page that install what a program needs: those of the last block that has any, before it. */
export function installLines(page: string, file: RegExp): readonly string[] {
  const text = readFileSync(fileURLToPath(new URL(`../../../${page}`, import.meta.url)), "utf8");
  const at = text.search(new RegExp(`\`\`\`\\w+ file=(?:${file.source})\\n`));
  if (at < 0) throw new Error(`${page} has no block named like ${file.source}`);
  const blocks = [...text.slice(0, at).matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, lines = ""]) => lines);
  const last = blocks.findLast((lines) => /^npm install /m.test(lines));
  if (last === undefined) throw new Error(`${page} installs nothing before ${file.source}`);
  return last.split("\n").filter((line) => /^npm (init|pkg|install) /.test(line));
}

/** The same lines, with the packed file in the place of the published package. */
export function fromTarball(lines: readonly string[], tarball: string): string {
  return lines.join("\n").replaceAll(/(?<= )hosted-agent-identity(?= |$)/gm, tarball);
}
