import { hash } from "node:crypto";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import type { Grant } from "./grant.js";

/**
 * All that is kept for one principal, under one key: so that a sign-out ends the grant and its tokens in one
 * step, and whatever a slower process writes afterwards finds that the record is not the one it read.
 */
export interface GrantRecord {
  /** Raised by each sign-out. */
  readonly generation: number;
  /** `undefined` after a sign-out. */
  readonly grant: StoredGrant | undefined;
  /** Access tokens that the grant gave, so that another process needs none of its own. */
  readonly tokens: readonly KeptToken[];
}

/** A grant as it is stored. */
export interface StoredGrant extends Omit<Grant, "generation"> {
  /** When the refresh token was issued: of two, the newer one counts. */
  readonly refreshedAt: number;
  /** Counts the sign-ins behind it: tokens of an earlier one do not come back. */
  readonly signIns: number;
  /** When the account's index last named this principal. */
  readonly indexedAt: number;
}

/** An access token as it is stored. */
export interface KeptToken {
  readonly url: string;
  readonly scopes: readonly string[];
  /** The claims challenge it was made for. */
  readonly claims?: string;
  readonly token: string;
  readonly obtainedAt: number;
  readonly refreshAt: number;
  readonly expiresAt: number;
}

/** What a principal has who never signed in here. */
export const noRecord: GrantRecord = Object.freeze({ generation: 0, grant: undefined, tokens: [] });

/** Seals and opens the records of principals. */
export interface RecordSeal {
  seal(principalKey: string, record: GrantRecord): string;
  /** `undefined` for anything that was not sealed for this principal. */
  open(principalKey: string, sealed: string): GrantRecord | undefined;
  /**
   * Makes ready what opens the tokens alone; the refresh token stays sealed. Worth doing while the record is on
   * its way from the store.
   */
  tokensOpener(principalKey: string): (sealed: string) => readonly KeptToken[];
}

interface GrantPart {
  readonly v: 1;
  readonly generation: number;
  readonly grant?: StoredGrant;
}

interface TokensPart {
  readonly v: 1;
  /**
   * The digest of the sealed grant part that these tokens belong to. Whoever can write to the store could put
   * tokens of before a sign-out behind the grant part of after it.
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
    part?.v === 1 && part.of === digestOf(sealedGrant) ? part.tokens : [];
  return {
    seal(principalKey, { generation, grant, tokens }) {
      const binding = recordBinding(core, principalKey);
      const grantPart: GrantPart = { v: 1, generation, ...(grant === undefined ? {} : { grant }) };
      const sealed = keys.seal("grant", binding, grantPart);
      if (tokens.length === 0) return sealed;
      const tokensPart: TokensPart = { v: 1, of: digestOf(sealed), tokens };
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

function digestOf(sealed: string): string {
  return hash("sha256", sealed, "base64url");
}
