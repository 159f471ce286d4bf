import type { ErrorCategory } from "../errors.js";

/** What an AADSTS code means, and who can resolve it. */
export interface AadstsFacts {
  readonly category: ErrorCategory;
  readonly meaning: string;
  /** What to do next. */
  readonly fix: string;
}

type Row = readonly [codes: readonly number[], category: ErrorCategory, meaning: string, fix: string];

/**
 * Microsoft calls the numeric codes subject to change, so they only refine what `error`, `suberror` and
 * `claims` say. Source: learn.microsoft.com, identity-platform/reference-error-codes, and server answers
 * quoted in public issues.
 */
const rows: readonly Row[] = [
  [
    [65001],
    "consent",
    "The user or an administrator has not consented.",
    "Open the consent link, have an administrator consent, or preauthorize the app on the downstream API.",
  ],
  [[65004], "consent", "The user declined to consent.", "Ask again only when the user asks for it."],
  [
    [90094, 90095, 90008],
    "consent",
    "An administrator has to consent.",
    "Send an administrator the admin-consent link of the app.",
  ],
  [
    [50076, 50079, 50072, 50074, 50078, 50158],
    "stepup",
    "Multi-factor authentication or another challenge is needed.",
    "Relay the claims challenge to the caller and send the new token it gets.",
  ],
  [
    [50005, 50097, 50129, 50131, 50155, 50187, 135011, 700003],
    "blocked",
    "A device condition of a policy is not met.",
    "The user needs a registered or compliant device; an administrator knows which.",
  ],
  [
    [53000, 53001, 530003],
    "blocked",
    "The device is not compliant, not joined or not managed.",
    "The user has to register or repair the device; signing in again with the same one changes nothing.",
  ],
  [
    [53002, 53003, 53004, 53010, 53011, 530032, 530034, 530035, 54000],
    "blocked",
    "A tenant policy blocks access.",
    "An administrator has to change the policy or the user's risk state.",
  ],
  [
    [50105],
    "admin",
    "The user is not assigned to the app.",
    "Have an administrator assign the user or the user's group to the enterprise application.",
  ],
  [
    [16000, 16003, 50020, 50034, 50014, 51004, 90072],
    "admin",
    "The user does not exist in this tenant.",
    "Invite the user as a guest, or use the tenant the user belongs to.",
  ],
  [
    [50057, 500571],
    "admin",
    "The user account is disabled.",
    "An administrator has to enable the account; for a guest, in the tenant that the guest is in.",
  ],
  [
    [50053],
    "admin",
    "The account is locked, or the sign-in came from an address with malicious activity.",
    "An administrator finds the reason in the sign-in logs.",
  ],
  [
    [500212, 500213],
    "admin",
    "A cross-tenant access policy keeps the user out: the user's own tenant's (500212), or the tenant's of the app (500213).",
    "An administrator of that tenant has to allow the access.",
  ],
  [
    [50002, 500021, 500022],
    "admin",
    "Tenant restrictions of the network or the tenant deny access.",
    "An administrator of the network has to add the tenant to its restrictions.",
  ],
  [
    [7000229],
    "admin",
    "The app has no service principal in the user's tenant.",
    "Have an administrator of that tenant consent to the app, or create its service principal (az ad sp create --id <client id>). No other secret helps.",
  ],
  [
    [500014],
    "admin",
    "The resource's service principal is disabled in this tenant.",
    "An administrator has to enable it, or to renew the subscription it belongs to.",
  ],
  [
    [82014, 82018],
    "admin",
    "Nobody can sign in or consent to an agent identity or its blueprint interactively.",
    "Have an administrator consent for the blueprint and make the permissions inheritable; sign users in with your own app registration.",
  ],
  [
    [82001],
    "config",
    "A blueprint asked for an app's own token.",
    "Blueprints get exchange tokens only; use agentOnBehalfOf(), or ask as the agent identity.",
  ],
  [
    [82002],
    "config",
    "A blueprint itself asked on behalf of a user.",
    "Use agentOnBehalfOf() with an agent identity of the blueprint instead of onBehalfOf().",
  ],
  [
    [65002],
    "config",
    "The client id belongs to Microsoft, and the API does not preauthorize it.",
    "Register an app of your own and use its client id.",
  ],
  [
    [650052, 650054, 650056, 650057, 65005, 650053],
    "config",
    "The app registration lacks the permission, or the API has no such scope.",
    "Add the delegated permission to the app registration; write scopes in full (api://<app id>/<scope>).",
  ],
  [
    [50013],
    "config",
    "Entra did not accept the assertion (issuer, version, key or token type).",
    "Send the access token that the caller got for this app, not an ID token or a token for another app.",
  ],
  [
    [500131],
    "config",
    "The user token is for another application.",
    "Have the caller ask for a token with the scope of this app (api://<client id>/<scope>).",
  ],
  [
    [500133],
    "signin",
    "The user token is outside its lifetime.",
    "Get a fresh user token; check the clock of this host.",
  ],
  [
    [500011, 50001],
    "config",
    "The resource is not known in this tenant.",
    "Check the scope's app-ID URI and the tenant; the MCP server's app needs a service principal there.",
  ],
  [
    [50173, 50132, 50133, 50055, 50144],
    "signin",
    "The session or grant was revoked or has expired, or the password has.",
    "The user has to sign in again.",
  ],
  [[70043], "signin", "The tenant's sign-in frequency has passed.", "The user has to sign in again."],
  [
    [70000, 70008, 700081, 700082, 700084],
    "signin",
    "The grant is no longer valid.",
    "The user has to sign in again.",
  ],
  [
    [700016, 700011, 70001, 7000112],
    "config",
    "The app is not known or is disabled in this tenant.",
    "Check client id and tenant; a new registration needs a few minutes.",
  ],
  [
    [7000114],
    "config",
    "The assertion stands for an application, not for a user.",
    "Send a token from a user's sign-in.",
  ],
  [
    [50003, 50146],
    "config",
    "The app has a signing key of its own that is missing or expired (claims mapping, SAML).",
    "Use an app registration without a custom signing key: one that has it cannot exchange user tokens.",
  ],
  [
    [700025],
    "config",
    "The app allows public client flows and was sent a credential.",
    "Use a confidential client: register the redirect URI with type web.",
  ],
  [
    [7000215, 7000222, 7000218, 7000216],
    "cred",
    "The client secret is wrong, expired or missing.",
    "Give entraApp() a valid secret (its value, not its id), or better a federated credential.",
  ],
  [[70002], "cred", "The client could not be authenticated.", "Check the credential given to entraApp()."],
  [
    [50012, 700027, 700030, 7000274, 7000214, 7000277, 1000502],
    "cred",
    "The client certificate was not accepted.",
    "Upload the certificate to the app registration; check its validity.",
  ],
  [
    [700024],
    "cred",
    "The client assertion is outside its lifetime.",
    "Check the clock of this host; a federated token may have been kept too long.",
  ],
  [
    [70021, 700211, 700212, 700213, 7002138],
    "config",
    "No federated identity credential of the app matches the token.",
    "Compare issuer, subject (exact case) and audience with the app's federated credential; a new one takes minutes to work.",
  ],
  [
    [70025],
    "config",
    "The app has no federated identity credential.",
    "Add one to the app registration: issuer of the tenant (…/v2.0), the managed identity's principal id as subject. It takes minutes to work.",
  ],
  [
    [700229, 700222, 700226],
    "config",
    "A federated credential with Entra as issuer accepts only app-only tokens of managed identities.",
    "Use a user-assigned managed identity's token for the exchange audience.",
  ],
  [
    [700231],
    "config",
    "The identity's own token comes from a federated credential, and those cannot be chained.",
    "Use the machine's managed identity, or a certificate. Identities of Kubernetes workloads and of Foundry's hosted agents were reported refused.",
  ],
  [
    [700236],
    "config",
    "The managed identity and the app are in different tenants.",
    "Use a managed identity of the app's own tenant, or a certificate.",
  ],
  [
    [700223, 700238],
    "admin",
    "The tenant does not allow this federated identity credential.",
    "An administrator has to allow workload identity federation for this issuer.",
  ],
  [
    [70011, 28000, 28003, 700022],
    "config",
    "The scopes are not valid together.",
    "Ask for fully qualified scopes of one resource in one request.",
  ],
  [
    [9010010, 901002],
    "config",
    "A resource parameter was sent that does not match the scopes.",
    "Send no resource parameter to Entra; the scope names the resource.",
  ],
  [[240002], "config", "An ID token was sent as the assertion.", "Send the access token for this app."],
  [
    [90009],
    "config",
    "The app asks for a token to itself.",
    "Use the GUID form of the audience, or separate registrations for agent and MCP server.",
  ],
  [
    [70003],
    "config",
    "The grant type is not supported here.",
    "Use the on-behalf-of grant (jwt-bearer); RFC 8693 token exchange is not supported by Entra.",
  ],
  [
    [9002313, 900144],
    "config",
    "The request was malformed.",
    "Look for a proxy that changes request bodies.",
  ],
  [
    [90002, 50059, 50194, 90038, 900382, 900432],
    "config",
    "The tenant or cloud does not match the app.",
    "Use the app's own tenant and cloud; confidential clients do not work across clouds.",
  ],
  [
    [50011],
    "config",
    "The redirect URI is not registered.",
    "Register exactly the configured redirect URI, with type web.",
  ],
  [
    [54005, 700005, 501481, 50089],
    "signin",
    "The authorization code was used, has expired or belongs to another request.",
    "Start the sign-in again.",
  ],
  [
    [50196],
    "loop",
    "Entra sees the same request over and over.",
    "Stop, and look for scopes that are requested but never granted, or a cache that never hits.",
  ],
  [
    [90033, 90024, 90006, 90012, 90025, 50033, 50087, 50088, 70012, 90090],
    "retry",
    "Entra has a temporary problem.",
    "Try again shortly.",
  ],
  [[90055], "throttle", "Entra received too many requests.", "Wait as long as Retry-After says."],
];

const byCode: ReadonlyMap<number, AadstsFacts> = new Map(
  rows.flatMap(([codes, category, meaning, fix]) =>
    codes.map((code) => [code, { category, meaning, fix }] as const),
  ),
);

/** What the table says about an AADSTS code; `undefined` for an unknown one. */
export function aadstsFacts(code: number): AadstsFacts | undefined {
  return byCode.get(code);
}

/** Codes that begin alike, and what they have in common. */
type Range = readonly [begins: RegExp, shown: string, category: ErrorCategory, meaning: string];

/**
 * What a code is about that the table does not know, by its first digits. None is `consent` or `signin`: asking a user
 * for something that may not help is a circle, since the next answer is the same.
 */
const ranges: readonly Range[] = [
  [/^53\d{3,5}$/, "53…", "blocked", "A policy of the tenant blocks access (Conditional Access, risk)."],
  [/^(?:16|50|51)\d{3,5}$/, "16…, 50…, 51…", "admin", "Entra does not let this account or tenant in."],
  [/^65\d{3,5}$/, "65…", "config", "The app's permissions are not set up as the request needs them."],
  [/^(?:70|75)\d{3,5}$/, "70…, 75…", "config", "The request does not fit the app registration."],
  [/^8[01]\d{3,5}$/, "80…, 81…", "admin", "The tenant's sign-in with its own directory failed."],
  [/^135\d{3}$/, "135…", "blocked", "The user's device is not accepted."],
  [/^(?:90|900|100)\d{3,4}$/, "90…, 100…", "config", "Entra cannot process the request."],
];
const lookUp =
  "Open https://login.microsoftonline.com/error?code=<code>. An administrator finds the request in the sign-in logs by its correlation id.";
const otherwise: Range = [/^/, "any other", "config", "This version does not know the code."];

/** What is likely about a code that the table does not know. */
export function unknownAadstsFacts(code: number): AadstsFacts {
  const [, , category, meaning] = ranges.find(([begins]) => begins.test(String(code))) ?? otherwise;
  return { category, meaning, fix: lookUp.replace("<code>", String(code)) };
}

/** The ranges of unknown codes. For the page of Entra codes. */
export function unknownAadstsRanges(): readonly (AadstsFacts & { readonly shown: string })[] {
  return [...ranges, otherwise].map(([, shown, category, meaning]) => ({
    shown,
    category,
    meaning,
    fix: lookUp,
  }));
}

/** Every known code, in the order of the table. For the page of Entra codes. */
export function knownAadstsCodes(): readonly number[] {
  return [...byCode.keys()];
}
