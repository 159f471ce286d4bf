import type { RealClient } from "../support/mcp-clients.js";

/** Calls the tools of a scenario as its description asks for. */
export async function callTools(client: RealClient, scenario: string, given: object): Promise<void> {
  const { tools } = await client.listTools();
  // A server of which listing is all that is looked at.
  if (scenario === "json-schema-ref-no-deref") return;
  for (const call of callsOf(given) ?? tools.map((tool) => exampleCall(tool, tools)))
    await client.callTool(call).catch((error: unknown) => {
      // One answer of this scenario says no resultType, which SDK v2 refuses after it has come.
      if (scenario !== "sep-2322-client-request-state" || codeOf(error) !== "INVALID_RESULT") throw error;
    });
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

interface Tool {
  readonly name: string;
  readonly inputSchema: { readonly properties?: object };
}

interface Call {
  readonly name: string;
  readonly arguments: Record<string, unknown>;
}

function callsOf(given: object): readonly Call[] | undefined {
  return "toolCalls" in given ? (given.toolCalls as readonly Call[]) : undefined;
}

/** Something that fits the schema of a tool, as far as the suite's tools go. */
function exampleCall({ name, inputSchema }: Tool, [first]: readonly Tool[]): Call {
  const values: Record<string, unknown> = { number: 2, integer: 2, boolean: true, array: [], object: {} };
  const properties = Object.entries((inputSchema.properties ?? {}) as Record<string, { type?: string }>);
  // A tool that is to be given the schema of another one, as it was received.
  const value = (property: string, type: string): unknown =>
    property === "schema" ? first?.inputSchema : (values[type] ?? "text");
  return {
    name,
    arguments: Object.fromEntries(properties.map(([key, { type = "" }]) => [key, value(key, type)])),
  };
}
