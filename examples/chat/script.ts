/**
 * Stands in for a language model, which nobody can reach offline: a few words decide which tool is called,
 * and the answer is streamed word by word. It is not clever, and it gives the same answer every time.
 */
export type CallTool = (name: string, args: Record<string, unknown>) => Promise<ToolResult>;

export interface ToolResult {
  readonly content?: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean | undefined;
}

interface Intent {
  readonly words: RegExp;
  readonly tool: string;
  readonly args?: (match: RegExpMatchArray) => Record<string, unknown>;
  readonly say: (found: Record<string, unknown>) => string;
}

const intents: readonly Intent[] = [
  {
    words: /\bdelete\s+(?:my contact\s+)?["']?(.+?)["']?[.!]?$/i,
    tool: "delete_contact",
    args: ([, name]) => ({ name }),
    say: ({ deleted, left }) => `Deleted ${String(deleted)}. Your contacts are now:\n${list(left)}`,
  },
  {
    words: /\bcontacts\b/i,
    tool: "my_contacts",
    say: ({ owner, contacts }) => `These are the contacts of ${String(owner)}:\n${list(contacts)}`,
  },
  {
    words: /\bwho\b.*\b(i|me)\b/i,
    tool: "whoami",
    say: ({ name, oid, role }) =>
      `The contacts server sees you as ${String(name)}.\nObject id: ${String(oid)}\nRole: ${String(role)}`,
  },
];

export async function* answer(input: string, callTool: CallTool): AsyncGenerator<string> {
  for (const { words, tool, args, say } of intents) {
    const match = input.match(words);
    if (match === null) continue;
    yield* streamed("I ask the contacts server.");
    const result = await callTool(tool, args?.(match) ?? {});
    const text = (result.content ?? []).map((part) => part.text ?? "").join(" ");
    yield "\n\n";
    yield* streamed(
      result.isError === true ? `That was refused: ${text}` : say(Object(result.structuredContent)),
    );
    return;
  }
  yield* streamed('I can say who you are, show your contacts, or delete one: try "Show my contacts".');
}

async function* streamed(text: string): AsyncGenerator<string> {
  for (const word of text.split(/(?<=\s)/)) {
    yield word;
    await new Promise((next) => setTimeout(next, 8));
  }
}

function list(names: unknown): string {
  const lines = Array.isArray(names) ? names.map((name) => `• ${String(name)}`) : [];
  return lines.length === 0 ? "• nobody" : lines.join("\n");
}
