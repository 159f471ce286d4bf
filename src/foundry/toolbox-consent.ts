import { parseJson } from "../input/json-limits.js";

/** The JSON-RPC error code with which a Foundry toolbox asks for consent. */
export const toolboxConsentCode = -32006;

/** The JSON-RPC error code for a source that failed otherwise. */
export const toolboxFailureCode = -32007;

/** What a toolbox asks a person to do. The link is unchecked. */
export interface ToolboxConsent {
  readonly link: string;
  readonly serverLabel: string;
}

const maxMessage = 65_536;

/**
 * Reads a toolbox's consent error, in both shapes it has: on `initialize` and `tools/list` prose followed by
 * `{"errors":[{"name","type","error":{"code","message"}}]}`, with the link in each inner message; on
 * `tools/call` the link itself, or prose with it. A mix of consent and other failures is a failure: consent
 * would not end it. Empty when it is not a request for consent.
 *
 * Use it only on the JSON-RPC error of a server that is known to be a toolbox: anybody can write such text.
 * Source: agent-framework, `consent_url_from_error` and `ToolboxConsentParser.cs`.
 */
export function toolboxConsent(
  error: { readonly code: unknown; readonly message: unknown },
  serverLabel: string,
): readonly ToolboxConsent[] {
  const { code, message } = error;
  if (code !== toolboxConsentCode || typeof message !== "string" || message.length > maxMessage) return [];
  const entries = listedErrors(message);
  if (entries === undefined) {
    const link = onlyLink(message);
    return link === undefined ? [] : [{ link, serverLabel }];
  }
  const asked = entries.map((entry) => consentOf(entry, serverLabel));
  return asked.every((one) => one !== undefined) ? asked : [];
}

/** A source of a toolbox that failed, and how: `CONNECTION_FAILED`, `HTTP_400`. */
export interface ToolboxFailure {
  readonly name: string;
  readonly code: string | undefined;
}

/**
 * The sources that failed, where a toolbox's error is no request for consent: -32007, or a listing in which
 * consent is not all that is missing. `undefined` for any other error.
 */
export function toolboxFailures(
  error: { readonly code: unknown; readonly message: unknown },
  serverLabel: string,
): readonly ToolboxFailure[] | undefined {
  const { code, message } = error;
  if (code !== toolboxFailureCode && code !== toolboxConsentCode) return undefined;
  if (code === toolboxConsentCode && toolboxConsent(error, serverLabel).length > 0) return undefined;
  const readable = typeof message === "string" && message.length <= maxMessage;
  const failed = (readable ? listedErrors(message) : undefined)
    ?.slice(0, maxNamed)
    .filter((entry) => consentOf(entry, serverLabel) === undefined)
    .map((entry) => failureOf(entry, serverLabel));
  return failed === undefined || failed.length === 0 ? [{ name: serverLabel, code: undefined }] : failed;
}

const maxNamed = 32;

function failureOf(entry: unknown, serverLabel: string): ToolboxFailure {
  const { name, error } = Object(entry) as { name?: unknown; error?: unknown };
  const { code } = Object(error) as { code?: unknown };
  return {
    name: isLabel(name) ? name : serverLabel,
    code: typeof code === "string" && /^\w{1,64}$/.test(code) ? code : undefined,
  };
}

function consentOf(entry: unknown, serverLabel: string): ToolboxConsent | undefined {
  const { name, error } = Object(entry) as { name?: unknown; error?: unknown };
  // The type is not looked at: `a2a_preview` came later than `mcp`, and others may follow.
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  const link = code === "CONSENT_REQUIRED" && typeof message === "string" ? onlyLink(message) : undefined;
  return link === undefined ? undefined : { link, serverLabel: isLabel(name) ? name : serverLabel };
}

/** A name is shown to people and in errors: a link in it is none. */
function isLabel(name: unknown): name is string {
  return typeof name === "string" && /^[^\p{Cc}]{1,128}$/u.test(name) && !/https?:/i.test(name);
}

/** The `errors` of the JSON object that a message ends with; `undefined` when it has none. */
function listedErrors(message: string): readonly unknown[] | undefined {
  const start = message.indexOf("{");
  const end = message.lastIndexOf("}");
  if (start < 0 || end < start) return undefined;
  try {
    const { errors } = Object(parseJson(message.slice(start, end + 1))) as { errors?: unknown };
    return Array.isArray(errors) && errors.length > 0 ? errors : undefined;
  } catch {
    return undefined;
  }
}

/** The one link in a text; with two, nobody can say which is meant. */
function onlyLink(text: string): string | undefined {
  const links = [...new Set(text.match(/https?:\/\/[^\s"'<>]+/gi))];
  // Begins only where such a row begins: without that, a long row takes quadratic time.
  return links.length === 1 ? links[0]?.replace(/(?<![.,;:!?)\]])[.,;:!?)\]]+$/, "") : undefined;
}
