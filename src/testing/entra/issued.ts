/**
 * Something secret that the emulator gave out or was started with. Printed, spread or as JSON it shows its kind
 * only, so that a test that goes wrong does not print it.
 *
 * @group Test kit
 */
export class IssuedSecret {
  /** What it is. "client_secret" and "identity_header" were not issued on request: they are set up at the start. */
  readonly kind:
    | "access_token"
    | "id_token"
    | "refresh_token"
    | "authorization_code"
    | "client_secret"
    | "identity_header";
  readonly #value: string;

  constructor(kind: IssuedSecret["kind"], value: string) {
    this.kind = kind;
    this.#value = value;
  }

  /** The token, code or secret itself. */
  get value(): string {
    return this.#value;
  }
}

const kept = 5_000;

/** What was given out, oldest first, and of all that only the latest: an emulator may run for days. */
export interface Issued {
  readonly secrets: IssuedSecret[];
  /** Notes it, and returns it. */
  note(kind: IssuedSecret["kind"], value: string): string;
}

export function createIssued(): Issued {
  const secrets: IssuedSecret[] = [];
  return {
    secrets,
    note(kind, value) {
      secrets.push(new IssuedSecret(kind, value));
      if (secrets.length > kept) secrets.shift();
      return value;
    },
  };
}
