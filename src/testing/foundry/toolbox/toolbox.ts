import { invalid } from "../../../options/invalid.js";
import type { SourceFailure, ToolboxOptions, ToolSourceOptions } from "./options.js";

/** A toolbox while it runs. */
export interface Toolbox {
  readonly options: ToolboxOptions;
  readonly versions: readonly string[];
  readonly sources: readonly ToolSource[];
  /** Open MCP sessions, and whose they are. */
  readonly sessions: Map<string, string>;
}

export interface ToolSource {
  readonly options: ToolSourceOptions;
  readonly type: "mcp" | "a2a_preview";
  /** The key of its grants, for `oauth2`. */
  readonly connection: string;
  failing: SourceFailure | undefined;
}

/** Throws `invalid_option` for a name that is there twice, and for a source without a server. */
export function createToolboxes(all: readonly ToolboxOptions[]): ReadonlyMap<string, Toolbox> {
  unique(all.map(({ name }) => name));
  return new Map(all.map((options) => [options.name, createToolbox(options)]));
}

function createToolbox(options: ToolboxOptions): Toolbox {
  // Source: toolbox-reference.md, "each with unique server_label".
  unique(options.sources.map(({ name }) => name));
  const sources = options.sources.map((source): ToolSource => {
    if ((source.url === undefined) === (source.server === undefined)) {
      throw invalid("startFoundry", `the source ${JSON.stringify(source.name)} needs a url or a server.`);
    }
    const connection =
      (source.auth.type === "oauth2" ? source.auth.connection : undefined) ??
      `${options.name}/${source.name}`;
    return { options: source, type: source.type ?? "mcp", connection, failing: source.failing };
  });
  return { options, versions: options.versions ?? ["1"], sources, sessions: new Map() };
}

/** A source by its toolbox's name and its own. Throws `invalid_option`. */
export function sourceNamed(
  toolboxes: ReadonlyMap<string, Toolbox>,
  toolbox: string,
  source: string,
): ToolSource {
  const found = toolboxes.get(toolbox)?.sources.find(({ options }) => options.name === source);
  if (found === undefined)
    throw invalid(
      "startFoundry",
      `no source ${JSON.stringify(source)} of a toolbox ${JSON.stringify(toolbox)} was declared.`,
    );
  return found;
}

function unique(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid("startFoundry", `${JSON.stringify(twice)} was declared twice.`);
}
