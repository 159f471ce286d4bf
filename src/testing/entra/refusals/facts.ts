/** One way Entra says no. */
export interface RefusalFacts {
  /** `error_codes`; the first is the one in the description. */
  readonly codes: readonly number[];
  readonly error: string;
  readonly suberror?: string | undefined;
  readonly status: number;
  /** The description without its trailer; `{name}` is filled in. */
  readonly text: string;
  /**
   * A: documentation; B: a raw response or a maintainer's statement seen in public; C: inferred; D: open, to
   * be compared with a real tenant by `npm run live`.
   */
  readonly confidence: "A" | "B" | "C" | "D";
  readonly source: string;
}

/** Where most codes are documented. */
export const codesPage = "learn.microsoft.com/entra/identity-platform/reference-error-codes";
/** Where the on-behalf-of flow is documented. */
export const oboPage = "learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow";
/** Where federated credentials are documented. */
export const ficPage =
  "learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity";

/** A refusal with one code. */
export function row(
  code: number,
  error: string,
  text: string,
  confidence: RefusalFacts["confidence"],
  source: string = codesPage,
  more: { readonly suberror?: string; readonly status?: number } = {},
): RefusalFacts {
  const status = more.status ?? (error === "invalid_client" ? 401 : 400);
  return { codes: [code], error, text, confidence, source, ...more, status };
}
