import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { parseJson, boundedText } from "../../input/json-limits.js";
import type { EnvelopeCode } from "../../errors/envelope-codes.js";
import { invalidOptionCauses } from "../../errors/causes/set-up.js";

/** The calls of the API, `POST /v1/<name>`. */
export const routeNames = ["tokens", "page", "redeem", "prompt", "settle", "sign-out"] as const;
export type RouteName = (typeof routeNames)[number];

/** The user an agent asks for: a verified user token, or the platform's user id. */
export type RemoteUser =
  | { readonly user_token: string }
  | {
      readonly platform_user_id: string;
      /** Answers and kept messages belong to one conversation. */
      readonly conversation_id?: string | undefined;
    };

/** The service's answer: a short-lived token, or what the user has to do. */
export type TokenReply =
  | {
      readonly status: "token";
      readonly access_token: string;
      /** Milliseconds since the epoch. */
      readonly expires_at: number;
      /** How long to use it before the service is asked again, in milliseconds. */
      readonly use_for_ms: number;
      /** The account that the token belongs to, for a user known by a user token. */
      readonly account: { readonly tid: string; readonly oid: string } | null;
    }
  | { readonly status: "consent_required"; readonly requests: readonly WireRequest[] };

/** The link to the service's page in front of one that an MCP server asks its user to open. */
export interface PageReply {
  readonly status: "page";
  readonly link: string;
  /** Milliseconds since the epoch. */
  readonly expires_at: number | null;
}

/** One link, for this user only. */
export interface WireRequest {
  readonly link: string;
  readonly server_label: string;
  readonly reason: string;
  readonly expires_at: number | null;
}

/** The JSON of an error answer. It holds nothing of a token, a code or a link. */
export interface WireError {
  readonly error: {
    readonly code: string;
    readonly category: string;
    readonly message: string;
    readonly help: string;
  };
}

/** Room for a prompt of 100 000 characters. In bytes. */
export const maxWireBytes = 524_288;

/** Reads a JSON object of bounded size. Throws `invalid_option` for anything else. */
export async function readJson(message: Request | Response): Promise<Readonly<Record<string, unknown>>> {
  const text = await boundedText(message, maxWireBytes);
  if (text === undefined) throw unreadable("it is too large");
  try {
    const value = parseJson(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    throw unreadable("it is not JSON, or nested too deeply");
  }
  throw unreadable("it is not a JSON object");
}

/** A field that must be a non-empty text of bounded length. Throws `invalid_option`. */
export function textField(body: Readonly<Record<string, unknown>>, name: string, most: number): string {
  const value = body[name];
  if (typeof value === "string" && value !== "" && value.length <= most) return value;
  throw unreadable(`"${name}" is not a text of 1 to ${most} characters`);
}

/** An error as the service writes it. */
export function wireError(error: unknown): WireError {
  if (!isHostedAgentIdentityError(error)) {
    const facts = {
      code: "service_error" satisfies EnvelopeCode,
      category: "retry",
      message: "The sign-in service failed.",
      help: "Try again.",
    };
    return { error: facts };
  }
  const { code, category, message, help } = error;
  return { error: { code, category, message, help } };
}

function unreadable(why: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "invalid_option",
    `The body cannot be read: ${why}.`,
    invalidOptionCauses.body,
  );
}
