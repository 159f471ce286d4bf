import {
  HostedAgentIdentityError,
  type HostedAgentIdentityErrorOptions,
  brandClass,
  hasBrand,
} from "./base.js";

/** All reasons. The type is derived from this list, and so are the checks of reasons from outside. */
export const consentReasons = ["consent", "admin_consent", "sign_in", "step_up", "elicitation"] as const;

/** Why the user has to open a link. `elicitation`: the MCP server itself asks for it, for a purpose of its own. */
export type ConsentReason = (typeof consentReasons)[number];

/** The parts of a {@link ConsentRequest}. */
export interface ConsentRequestInit {
  /** The link to open: https, or http on a loopback host. Treat it like a password. */
  readonly link: string;
  /** The label of the MCP server that needs the user's consent. */
  readonly serverLabel: string;
  /** Why it is needed. */
  readonly reason: ConsentReason;
  /** When the link stops working, in milliseconds since the epoch. */
  readonly expiresAt?: number | undefined;
}

/**
 * What the user must do before the agent can continue. The link is a private field: printing, spreading,
 * cloning or serializing the request never shows it; read it through {@link ConsentRequest.link}.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Consent
 */
export class ConsentRequest {
  readonly #link: string;
  readonly serverLabel: string;
  readonly reason: ConsentReason;
  declare readonly expiresAt?: number;

  constructor(init: ConsentRequestInit) {
    this.#link = init.link;
    this.serverLabel = init.serverLabel;
    this.reason = init.reason;
    if (init.expiresAt !== undefined) this.expiresAt = init.expiresAt;
  }

  /** Show this link only to the user who asked. Never log it or pass it to the model. */
  get link(): string {
    return this.#link;
  }

  toJSON(): Record<string, unknown> {
    const { serverLabel, reason, expiresAt } = this;
    return { serverLabel, reason, expiresAt };
  }
}

/**
 * The user has to open one or more links before the call can succeed. Frameworks print errors and put
 * their messages into the next model call, so neither `message` nor `toJSON()` nor `util.inspect` shows a
 * link: read `error.requests[i].link`.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { findConsentRequired } from "hosted-agent-identity";
 *
 * export function links(error: unknown): string[] {
 *   return (findConsentRequired(error)?.requests ?? []).map((request) => request.link);
 * }
 * ```
 * @group Errors
 */
export class ConsentRequiredError extends HostedAgentIdentityError {
  static {
    brandClass(this, "ConsentRequiredError");
  }

  override readonly name: string = "ConsentRequiredError";
  /** What the user must do, one entry for each MCP server that needs consent. */
  readonly requests: readonly ConsentRequest[];

  constructor(requests: readonly ConsentRequest[], options: HostedAgentIdentityErrorOptions = {}) {
    const labels = [...new Set(requests.map((request) => JSON.stringify(request.serverLabel)))].join(", ");
    const isStep = requests.length > 0 && requests.every(({ reason }) => reason === "elicitation");
    super(
      "consent_required",
      isStep
        ? `The user has to complete a step in the browser for ${labels}.`
        : `The user has to give consent for ${labels}.`,
      options,
    );
    this.requests = Object.freeze([...requests]);
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), requests: this.requests.map((request) => request.toJSON()) };
  }
}

/**
 * Whether a value is a {@link ConsentRequiredError} itself, from this copy of the package or another one. If a
 * framework or an MCP SDK may have wrapped the error, use `findConsentRequired()`.
 *
 * Entry point: `hosted-agent-identity`.
 * @group Errors
 */
export function isConsentRequiredError(value: unknown): value is ConsentRequiredError {
  return hasBrand(value, "ConsentRequiredError");
}
