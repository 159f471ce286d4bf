import { digest } from "../../sealing/digest.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Grant, GrantAddress } from "./grant.js";
import type { GrantIssuer } from "./issuer.js";

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
  /** Links that have done their work. They stay through a sign-out. */
  readonly used?: readonly UsedTicket[] | undefined;
}

/** A link that was used up, in the same step that stored its grant. */
export interface UsedTicket {
  readonly ticket: string;
  /** The id of the sign-in that used it: after a failure it goes on, where any other one is refused. */
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** A grant as it is stored. */
export interface StoredGrant extends Omit<Grant, "generation"> {
  /** Raised by each sign-in, refresh and claim. What began under a lower number replaces no refresh token. */
  readonly sequence: number;
  /** The process that may use the refresh token, where one refresh at a time is allowed. */
  readonly claim?: RefreshClaim | undefined;
  /** Counts the sign-ins, so that tokens of an earlier one are not written back. */
  readonly signIns: number;
  /** When the account's index last named this principal. */
  readonly indexedAt: number;
}

/** The right to use a refresh token. It lasts as long as the store keeps the mark with this id. */
export interface RefreshClaim {
  readonly id: string;
  /** Whether it took the place of a claim whose holder may have used the refresh token. */
  readonly takenOver: boolean;
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

/** What the sealed record of a grant is bound to, and named by: agent, issuer, client, principal and resource set. */
export function grantBinding(
  { agent }: SignInContext,
  { issuer, clientId, resourceSet }: GrantIssuer,
  principalKey: string,
): readonly string[] {
  return [agent, issuer, clientId, principalKey, resourceSet];
}

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
  /** Whose record a text is, for whoever found it in a scan: trust it once `open` has opened the rest. */
  address(sealed: string): GrantAddress | undefined;
}

/** The form of the parts. Another one does not open. */
const version = 3;

interface GrantPart {
  readonly v: typeof version;
  readonly generation: number;
  readonly grant: StoredGrant | undefined;
  readonly used?: readonly UsedTicket[] | undefined;
}

interface AddressPart {
  readonly v: typeof version;
  /** The digest of the sealed grant part: one with another record's address does not open. */
  readonly of: string;
  readonly address: GrantAddress;
}

interface TokensPart {
  readonly v: typeof version;
  /**
   * The digest of the sealed grant part. Otherwise whoever can write to the store could append tokens from before
   * a sign-out to the grant part from after it.
   */
  readonly of: string;
  readonly tokens: readonly KeptToken[];
}

/**
 * Three sealed parts in one value: the grant, its address, and its tokens if there are any. A token is found without
 * opening the refresh token, and the address is sealed with a key that follows from no principal.
 */
export function recordSeal(core: SignInContext, issuer: GrantIssuer): RecordSeal {
  const { agent, keys } = core;
  const { kind, clientId, resourceSet } = issuer;
  const ofVersion = <T extends { readonly v: number }>(value: unknown): T | undefined => {
    const part = value as T | undefined;
    return part?.v === version ? part : undefined;
  };
  const openPart = <T extends { readonly v: number }>(
    purpose: "grant" | "cached-token",
    principalKey: string,
    sealed: string | undefined,
  ): T | undefined =>
    sealed === undefined
      ? undefined
      : ofVersion<T>(keys.open(purpose, grantBinding(core, issuer, principalKey), sealed));
  const tokensOf = (part: TokensPart | undefined, sealedGrant: string): readonly KeptToken[] =>
    part !== undefined && part.of === digest(sealedGrant) ? part.tokens : [];
  const addressOf = (text: string): GrantAddress | undefined => {
    const { grantText, addressText } = partsOf(text);
    if (addressText === undefined) return undefined;
    const part = ofVersion<AddressPart>(keys.open("grant-address", [], addressText));
    return part?.of === digest(grantText) ? part.address : undefined;
  };
  return {
    seal(principalKey, { generation, grant, tokens, used }) {
      const binding = grantBinding(core, issuer, principalKey);
      const grantPart: GrantPart = { v: version, generation, grant, used };
      const sealed = keys.seal("grant", binding, grantPart);
      const of = digest(sealed);
      const address = { kind, agent, issuer: issuer.issuer, clientId, resourceSet, principalKey };
      const addressPart: AddressPart = { v: version, of, address };
      const addressed = `${sealed}.${keys.seal("grant-address", [], addressPart)}`;
      if (tokens.length === 0) return addressed;
      const tokensPart: TokensPart = { v: version, of, tokens };
      return `${addressed}.${keys.seal("cached-token", binding, tokensPart)}`;
    },
    open(principalKey, text) {
      const { grantText, tokensText } = partsOf(text);
      const part = openPart<GrantPart>("grant", principalKey, grantText);
      if (part === undefined || addressOf(text)?.principalKey !== principalKey) return undefined;
      const tokens = openPart<TokensPart>("cached-token", principalKey, tokensText);
      const { generation, grant, used } = part;
      return { generation, grant, tokens: tokensOf(tokens, grantText), used };
    },
    tokensOpener(principalKey) {
      const open = keys.opener("cached-token", grantBinding(core, issuer, principalKey));
      return (text) => {
        const { grantText, tokensText } = partsOf(text);
        const part = tokensText === undefined ? undefined : ofVersion<TokensPart>(open(tokensText));
        return tokensOf(part, grantText);
      };
    },
    address: addressOf,
  };
}

interface RecordParts {
  readonly grantText: string;
  readonly addressText: string | undefined;
  readonly tokensText: string | undefined;
}

function partsOf(text: string): RecordParts {
  const [grantText = "", addressText, tokensText] = text.split(".", 3);
  return { grantText, addressText, tokensText };
}
