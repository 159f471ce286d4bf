import { digest } from "../../sealing/digest.js";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import type { Grant } from "./grant.js";

/**
 * Everything stored for one principal, under one key. A sign-out ends the grant and its tokens in one step, and a
 * slower process that writes afterwards finds a record other than the one it read.
 */
export interface GrantRecord {
  /** Raised by each sign-out. */
  readonly generation: number;
  /** `undefined` after a sign-out. */
  readonly grant: StoredGrant | undefined;
  /** Access tokens of the grant, shared by all processes. */
  readonly tokens: readonly KeptToken[];
}

/** A grant as it is stored. */
export interface StoredGrant extends Omit<Grant, "generation"> {
  /** When the refresh token was issued. The newer of two counts. */
  readonly refreshedAt: number;
  /** Counts the sign-ins, so that tokens of an earlier one are not written back. */
  readonly signIns: number;
  /** When the account's index last named this principal. */
  readonly indexedAt: number;
}

/** An access token as it is stored. */
export interface KeptToken {
  readonly url: string;
  readonly scopes: readonly string[];
  /** The claims challenge it was made for. */
  readonly claims?: string | undefined;
  readonly token: string;
  readonly obtainedAt: number;
  readonly refreshAt: number;
  readonly expiresAt: number;
}

/** The record of a principal that never signed in. */
export const noRecord: GrantRecord = Object.freeze({ generation: 0, grant: undefined, tokens: [] });

/** Seals and opens the records of principals. */
export interface RecordSeal {
  seal(principalKey: string, record: GrantRecord): string;
  /** `undefined` for anything that was not sealed for this principal. */
  open(principalKey: string, sealed: string): GrantRecord | undefined;
  /**
   * Derives the key that opens the tokens only; the refresh token stays sealed. Do it while the store reads the
   * record.
   */
  tokensOpener(principalKey: string): (sealed: string) => readonly KeptToken[];
}

interface GrantPart {
  readonly v: 1;
  readonly generation: number;
  readonly grant: StoredGrant | undefined;
}

interface TokensPart {
  readonly v: 1;
  /**
   * The digest of the sealed grant part. Otherwise whoever can write to the store could append tokens from before
   * a sign-out to the grant part from after it.
   */
  readonly of: string;
  readonly tokens: readonly KeptToken[];
}

/** Two sealed parts in one value: a token is found without opening the refresh token. */
export function recordSeal(core: SignInContext): RecordSeal {
  const { keys } = core;
  const openPart = <T extends { readonly v: 1 }>(
    purpose: "grant" | "cached-token",
    principalKey: string,
    sealed: string | undefined,
  ): T | undefined => {
    if (sealed === undefined) return undefined;
    const value = keys.open(purpose, recordBinding(core, principalKey), sealed) as T | undefined;
    return value?.v === 1 ? value : undefined;
  };
  const tokensOf = (part: TokensPart | undefined, sealedGrant: string): readonly KeptToken[] =>
    part?.v === 1 && part.of === digest(sealedGrant) ? part.tokens : [];
  return {
    seal(principalKey, { generation, grant, tokens }) {
      const binding = recordBinding(core, principalKey);
      const grantPart: GrantPart = { v: 1, generation, grant };
      const sealed = keys.seal("grant", binding, grantPart);
      if (tokens.length === 0) return sealed;
      const tokensPart: TokensPart = { v: 1, of: digest(sealed), tokens };
      return `${sealed}.${keys.seal("cached-token", binding, tokensPart)}`;
    },
    open(principalKey, text) {
      const [grantText, tokensText] = partsOf(text);
      const part = openPart<GrantPart>("grant", principalKey, grantText);
      if (part === undefined) return undefined;
      const tokens = openPart<TokensPart>("cached-token", principalKey, tokensText);
      return { generation: part.generation, grant: part.grant, tokens: tokensOf(tokens, grantText) };
    },
    tokensOpener(principalKey) {
      const open = keys.opener("cached-token", recordBinding(core, principalKey));
      return (text) => {
        const [grantText, tokensText] = partsOf(text);
        const part = tokensText === undefined ? undefined : (open(tokensText) as TokensPart | undefined);
        return tokensOf(part, grantText);
      };
    },
  };
}

/** The grant part, and the tokens part if there is one. */
function partsOf(text: string): readonly [string, string | undefined] {
  const dot = text.indexOf(".");
  return dot < 0 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
}
