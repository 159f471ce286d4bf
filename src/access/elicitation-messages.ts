import { jsonRpcError, mayHideWords } from "../foundry/json-rpc.js";

/** What a message of a server asks of the user. The URLs are unchecked. */
export type Elicited =
  | {
      /** `answer`: in place of the answer. `meanwhile`: in a request of the server's own, while the call runs. */
      readonly kind: "answer" | "meanwhile";
      readonly id: unknown;
      readonly pages: readonly ElicitedPage[];
    }
  /** The server would ask for a URL, but the request did not declare that its client takes one. */
  | { readonly kind: "undeclared"; readonly id: unknown };

/** A page that the user is to open. */
export interface ElicitedPage {
  readonly url: string;
  readonly message: string;
}

/** The codes of MCP 2025-11-25 (URL elicitation required) and 2026-07-28 (missing client capability). */
const codes = { required: -32042, undeclared: -32021 } as const;

/** A server may name as many URLs as it likes. One more than a turn shows are read. */
const maxPages = 5;
const maxMessage = 500;

/** Whether bytes may hold such a message. Each of them has a field or a value that ends so. */
export function mayElicit(bytes: Buffer): boolean {
  return bytes.includes('url"') || mayHideWords(bytes);
}

/**
 * What a message asks of the user; `undefined` for anything else: what a tool returned, a form, sampling and roots.
 * Source: MCP 2025-11-25 and 2026-07-28, elicitation in URL mode.
 */
export function elicitedBy(message: unknown): Elicited | undefined {
  const error = jsonRpcError(message);
  if (error !== undefined) return elicitedByError(error, fieldsOf(fieldsOf(message)["error"])["data"]);
  const { jsonrpc, id, method, params, result } = fieldsOf(message);
  if (jsonrpc !== "2.0") return undefined;
  if (method === "elicitation/create") return asking("meanwhile", id, [params]);
  const { resultType, inputRequests } = fieldsOf(result);
  if (method !== undefined || resultType !== "input_required") return undefined;
  const asked = Object.values(fieldsOf(inputRequests)).map(fieldsOf);
  return asking(
    "answer",
    id,
    asked.flatMap((one) => (one["method"] === "elicitation/create" ? [one["params"]] : [])),
  );
}

function elicitedByError({ id, code }: { id: unknown; code: unknown }, data: unknown): Elicited | undefined {
  if (code === codes.undeclared) {
    const { elicitation } = fieldsOf(fieldsOf(data)["requiredCapabilities"]);
    return "url" in fieldsOf(elicitation) ? { kind: "undeclared", id } : undefined;
  }
  const { elicitations } = fieldsOf(data);
  return code === codes.required && Array.isArray(elicitations)
    ? asking("answer", id, elicitations)
    : undefined;
}

function asking(kind: "answer" | "meanwhile", id: unknown, asked: readonly unknown[]): Elicited | undefined {
  const pages = asked
    .map(fieldsOf)
    .filter(({ mode }) => mode === "url")
    .slice(0, maxPages)
    .map(({ url, message }) => ({
      url: typeof url === "string" ? url : "",
      message: typeof message === "string" ? message.slice(0, maxMessage) : "",
    }));
  return pages.length === 0 ? undefined : { kind, id, pages };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
