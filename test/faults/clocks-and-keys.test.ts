import { generate } from "selfsigned";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  certificate,
  type ClientCredential,
  clientSecret,
  createUserContext,
  entraApp,
  isHostedAgentIdentityError,
  onBehalfOf,
  protectedResource,
  userAccess,
  type UserAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";

const people = ["Ada", "Bob", "Cy"] as const;
type Person = (typeof people)[number];
const minutes = 60_000;

let pem: string;
let entra: EntraEmulator;
/** The agent's clock, which stands still: Entra's own is right. */
let skewMs: number;
let started: number;
const now = (): number => started + skewMs;

beforeAll(async () => {
  const made = await generate([{ name: "commonName", value: "agent" }], { keySize: 2048 });
  pem = `${made.cert}\n${made.private}`;
});
beforeEach(async () => {
  skewMs = 0;
  started = Date.now();
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"], certificates: [pem] },
      { name: "contacts", scopes: ["contacts.read"] },
    ],
    users: people.map((name) => ({ name })),
  });
  for (const user of people)
    entra.grantConsent({ user, client: "agent", resource: "contacts", scopes: ["contacts.read"] });
});
afterEach(() => entra.close());

interface Agent {
  /** What a request of a person with this token comes to: "served", or the code of the error. */
  turn(userToken: string): Promise<string>;
  readonly contacts: UserAccess;
}

function agent(credential: ClientCredential = clientSecret("agent-secret"), clockToleranceS?: number): Agent {
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential,
    cloud: entra.cloud,
    now,
  });
  const { clientId } = entra.app("contacts");
  const resource = protectedResource({
    url: "https://contacts.example.com/mcp",
    serverLabel: "contacts",
    scopes: [`api://${clientId}/contacts.read`],
    audiences: [clientId],
  });
  const contacts = userAccess(resource, [onBehalfOf(app)], { now });
  const verify = userTokenVerifier({
    app,
    now,
    ...(clockToleranceS === undefined ? {} : { clockToleranceS }),
  });
  return {
    contacts,
    async turn(userToken) {
      try {
        const context = await createUserContext({ userToken }, { verify });
        await contacts.token(context);
        context.end();
        return "served";
      } catch (cause) {
        if (!isHostedAgentIdentityError(cause)) throw cause;
        return cause.code;
      }
    },
  };
}

const tokenOf = (user: Person, expiresInS?: number): Promise<string> =>
  entra.issueUserToken({ user, app: "agent", ...(expiresInS === undefined ? {} : { expiresInS }) });
const posts = (): number => entra.requests.filter(({ path }) => path.endsWith("/token")).length;
const keyRequests = (): number => entra.requests.filter(({ path }) => path.endsWith("/keys")).length;

describe("a clock ten minutes ahead", () => {
  it("costs nobody anything whose user token has longer to live, and the others a new one", async () => {
    skewMs = 10 * minutes;
    const { turn } = agent();
    const [old, bob, cy] = await Promise.all([tokenOf("Ada", 300), tokenOf("Bob"), tokenOf("Cy")]);
    expect(await Promise.all([turn(old), turn(bob), turn(cy)])).toEqual([
      "user_token_expired",
      "served",
      "served",
    ]);
    expect(posts()).toBe(2);
    // What was got is kept as long as it lives: lifetimes are counted from when they came, not read off a clock.
    expect(await Promise.all([turn(bob), turn(cy)])).toEqual(["served", "served"]);
    expect(posts()).toBe(2);
    expect(await turn(await tokenOf("Ada"))).toBe("served");
  });

  it("with a certificate stops everybody, at two POSTs each in five seconds, until it is put right", async () => {
    skewMs = 10 * minutes;
    const { turn } = agent(certificate({ pem }));
    const tokens = await Promise.all(people.map((one) => tokenOf(one)));
    for (let n = 0; n < 3; n += 1) {
      expect(await Promise.all(tokens.map((token) => turn(token)))).toEqual(
        people.map(() => "client_credential_failed"),
      );
    }
    expect(posts()).toBe(6);
    skewMs = 10 * minutes + 5_000;
    expect(await Promise.all(tokens.map((token) => turn(token)))).not.toContain("served");
    expect(posts()).toBe(12);
    // Put back, nothing has to be restarted: no memory of a refusal outlives its five seconds for it.
    skewMs = 0;
    expect(await Promise.all(tokens.map((token) => turn(token)))).toEqual(people.map(() => "served"));
  });
});

describe("a clock ten minutes behind", () => {
  it("refuses the user tokens of the last minutes and says why, unless clockToleranceS allows them", async () => {
    skewMs = -10 * minutes;
    const fresh = await Promise.all(people.map((one) => tokenOf(one)));
    const { turn } = agent();
    expect(await Promise.all(fresh.map((token) => turn(token)))).toEqual(
      people.map(() => "user_token_not_yet_valid"),
    );
    expect(posts()).toBe(0);
    const tolerant = agent(undefined, 600);
    expect(await Promise.all(fresh.map((token) => tolerant.turn(token)))).toEqual(people.map(() => "served"));
  });

  it("lets an expired user token through to Entra, which asks that one person to sign in again", async () => {
    skewMs = -10 * minutes;
    const { turn } = agent(undefined, 600);
    const [expired, bob, cy] = await Promise.all([tokenOf("Ada", -400), tokenOf("Bob"), tokenOf("Cy")]);
    expect(await Promise.all([turn(expired), turn(bob), turn(cy)])).toEqual([
      "sign_in_required",
      "served",
      "served",
    ]);
    expect(posts()).toBe(3);
    expect(await turn(await tokenOf("Ada"))).toBe("served");
  });

  it("with a certificate serves everybody", async () => {
    skewMs = -10 * minutes;
    const { turn } = agent(certificate({ pem }), 600);
    const tokens = await Promise.all(people.map((one) => tokenOf(one)));
    expect(await Promise.all(tokens.map((token) => turn(token)))).toEqual(people.map(() => "served"));
    expect(posts()).toBe(3);
  });
});

describe("Entra's signing keys change", () => {
  it("while three people are being verified: everybody is served, with at most one request for keys more", async () => {
    const { turn } = agent();
    const [ada, bob, cy] = await Promise.all(people.map((one) => tokenOf(one)));
    const work = [ada, bob].map((token) => turn(token ?? ""));
    await entra.rotateKeys();
    expect(await Promise.all(work)).toEqual(["served", "served"]);
    const before = keyRequests();
    skewMs = 31_000;
    const rotated = await tokenOf("Ada");
    expect(await Promise.all([turn(rotated), turn(bob ?? ""), turn(cy ?? "")])).toEqual([
      "served",
      "served",
      "served",
    ]);
    expect(keyRequests() - before).toBeLessThanOrEqual(1);
  });

  it("within 30 s of the last request for keys: whoever comes with the new one waits for that long, no other", async () => {
    const { turn } = agent();
    const bob = await tokenOf("Bob");
    expect(await turn(bob)).toBe("served");
    await entra.rotateKeys();
    const rotated = await tokenOf("Ada");
    expect(await Promise.all([turn(rotated), turn(bob)])).toEqual(["user_token_key_unknown", "served"]);
    expect(keyRequests()).toBe(1);
    skewMs = 30_000;
    expect(await turn(rotated)).toBe("served");
  });

  it("and the old one is withdrawn: its tokens end within ten minutes, new ones go on", async () => {
    const { turn } = agent();
    const old = await tokenOf("Bob");
    expect(await turn(old)).toBe("served");
    await entra.rotateKeys({ keepOld: false });
    skewMs = 10 * minutes;
    const fresh = await tokenOf("Cy");
    expect(await Promise.all([turn(old), turn(fresh)])).toEqual(["user_token_key_unknown", "served"]);
  });
});
