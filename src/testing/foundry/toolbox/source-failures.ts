import type { ToolSource } from "./toolbox.js";
import { RpcFailure, rpcCodes } from "./rpc.js";

/** Thrown when a source cannot be used: one entry of the list that a toolbox answers with. */
export class SourceFailed extends Error {
  override readonly name = "SourceFailed";
  /** `CONSENT_REQUIRED`, `CONNECTION_FAILED`, `HTTP_401` … */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export const consentRequired = "CONSENT_REQUIRED";

/**
 * The error of a listing. All or nothing: one source that fails is a listing that fails. The outer code is
 * -32006 as soon as consent is part of it, so that nobody can tell a mix by the code alone.
 * Source: agent-framework, ToolboxConsentParser.cs (text and form); GitHub-Copilot-for-Azure pull request
 * 2755 (the outer code, from live tests).
 */
export function listingFailed(
  method: string,
  all: number,
  failed: readonly { readonly source: ToolSource; readonly failure: SourceFailed }[],
): RpcFailure {
  const errors = failed.map(({ source, failure: { code, message } }) => ({
    name: source.options.name,
    type: source.type,
    error: { code, message },
  }));
  const asks = failed.some(({ failure }) => failure.code === consentRequired);
  const text = `${method} failed for ${failed.length} tool source(s), succeeded for ${all - failed.length} tool source(s) ${JSON.stringify({ errors })}`;
  return new RpcFailure(asks ? rpcCodes.consentRequired : rpcCodes.sourceFailed, text);
}

/** The error of a call: the link alone or in a sentence, or why the source failed. */
export function callFailed(
  source: ToolSource,
  { code, message }: SourceFailed,
  consentMessage: "link" | "prose",
): RpcFailure {
  if (code !== consentRequired) {
    const error = { name: source.options.name, type: source.type, error: { code, message } };
    return new RpcFailure(
      rpcCodes.sourceFailed,
      `tools/call failed for 1 tool source(s) ${JSON.stringify({ errors: [error] })}`,
    );
  }
  const text = consentMessage === "link" ? message : `User consent is required. Please visit: ${message}`;
  return new RpcFailure(rpcCodes.consentRequired, text);
}
