import { createHmac } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  createUserContext,
  type IdentityEvent,
  runWithUserContext,
  type UserAccess,
} from "hosted-agent-identity";
import { openTelemetry, type OpenTelemetryOptions } from "hosted-agent-identity/otel";
import { scriptedTokenStore } from "../support/shared-token-stores.js";
import { leaks } from "../support/people.js";
import { registerTelemetry, type Telemetry } from "./telemetry.js";
import { people, world, type Person, type World } from "./world.js";

const planted = {
  path: "mailbox-of-ada",
  query: "lovelace.byron@contoso.example",
  userId: "platform-user-of-ada-0001",
  conversationId: "conv-of-ada-0001",
  sessionId: "session-of-ada-0001",
  message: "ada told it in the text of an error",
  baggage: "user=ada-in-the-baggage",
  purpose: "the report that ada ordered",
};

interface Told {
  readonly everything: string;
  readonly events: readonly IdentityEvent[];
  /** Tokens, secrets and links that were at hand. */
  readonly secrets: readonly string[];
  /** What names people. */
  readonly names: readonly string[];
  readonly principal: string;
}

/** Everything that can go well or wrong, done by two people, and what telemetry told of it. */
async function tell(options: OpenTelemetryOptions): Promise<Told> {
  const telemetry: Telemetry = registerTelemetry();
  const site: World = await world();
  const events: IdentityEvent[] = [];
  const secrets: string[] = [];
  const onEvent = openTelemetry({ ...options, onEvent: (event) => void events.push(event) });
  const store = scriptedTokenStore();
  const agent = site.agent(onEvent, {
    sharedCache: { store, encryptionKeys: [new Uint8Array(32).fill(7)] },
    fetch: async (input, init) => {
      const token = new Headers(init?.headers).get("authorization")?.slice("Bearer ".length);
      if (token !== undefined) secrets.push(token);
      if (String(input).includes("broken"))
        throw Object.assign(new Error(planted.message), { code: planted.message });
      return fetch(input, init);
    },
  });
  const url = (access: UserAccess, path = ""): string =>
    `${access.url.href}/${planted.path}${path}?mail=${encodeURIComponent(planted.query)}`;
  const visit = (person: Person, path?: string): Promise<unknown> =>
    agent.plain
      .fetch(url(agent.plain, path), { headers: { "mcp-session-id": planted.sessionId + person } })
      .catch((error: { requests?: { link: string }[] }) => {
        secrets.push(...(error.requests ?? []).map(({ link }) => link));
      });
  const headers = {
    "x-agent-user-id": planted.userId,
    "x-agent-conversation-id": planted.conversationId,
    baggage: planted.baggage,
  };
  let principal = "";
  try {
    for (const person of ["Ada", "Bob"] as const) {
      const [token, expired] = [
        await site.tokenOf(person),
        await site.tokenOf(person, { expiresInS: -3600 }),
      ];
      secrets.push(token, expired);
      await agent.verify(expired).catch(() => undefined);
      await agent.verify(`${token.slice(0, -20)}${"A".repeat(20)}`).catch(() => undefined);
      const context = await createUserContext(
        { "x-client-user-token": token, ...headers },
        { verify: agent.verify, environment: { hosted: true } },
      );
      if (person === "Ada") principal = context.principalKey ?? "";
      await runWithUserContext(context, async () => {
        await Promise.all([visit(person), visit(person)]);
        await visit(person, "/broken");
        for (const status of [401, 403, 500]) {
          site.answer((_request, response) =>
            response
              .writeHead(status, {
                "www-authenticate": `Bearer error="${planted.message}", scope="${planted.query}"`,
              })
              .end(planted.message),
          );
          await visit(person);
        }
        site.answer((_request, response) => void response.end());
        store.before(() => {
          throw new Error(planted.message);
        });
        agent.plain.forget();
        await visit(person);
        await agent.plain.fetch(`https://other.example/${planted.path}`).catch(() => undefined);
      });
      context.end();
    }
    for (const event of ofSignIn(site.entra.user(people.Ada).oid, principal)) onEvent(event);
    const users = site.entra.users.map(({ oid, upn, name }) => [oid, upn, name]);
    const names = [...users.flat(), ...Object.values(planted), site.entra.tenants[0]?.id ?? ""];
    return { everything: await telemetry.everything(), events, secrets, names, principal };
  } finally {
    await agent.close();
    await site.close();
    await telemetry.stop();
  }
}

/** Events that say who, as sign-in and a swapped answer raise them. */
function ofSignIn(oid: string, principal: string): IdentityEvent[] {
  const work = { purpose: planted.purpose, principal, work: "work-0001", until: 1 };
  return [
    { type: "wrong_user", expected: oid, correlationId: planted.message },
    { type: "grant_stored", oid, reason: "signed_in" },
    { type: "grant_ended", oid, reason: "signed_out" },
    { type: "grant_at_risk", oid },
    { type: "audit_failed", action: "refresh", stage: "attempt", reason: "timeout", required: true },
    { type: "encryption_keys_failed", code: "encryption_keys_unavailable" },
    { type: "long_running_started", ...work },
    { type: "long_running_used", ...work },
    { type: "long_running_ended", ...work },
    { type: "sign_in_refused", reason: "other_person", reference: "0123456789ab" },
  ];
}

let plain: Told;
let pseudonymous: Told;
const key = "a key of at least sixteen bytes";
beforeAll(async () => {
  plain = await tell({});
  pseudonymous = await tell({ principalKey: key });
}, 60_000);

describe("spans and metrics of everything that can go well or wrong", () => {
  it("say what happened", () => {
    for (const word of [
      "consent_required",
      "user_token_expired",
      "user_token_signature",
      "url_not_allowed",
      "500",
    ])
      expect(plain.everything).toContain(word);
    for (const type of ["token_refused", "user_token_refused", "shared_cache_failed", "wrong_user"])
      expect(plain.everything).toContain(type);
    expect(plain.secrets.length).toBeGreaterThan(10);
    expect(plain.secrets.some((secret) => secret.startsWith("http"))).toBe(true);
  });

  it("hold no token and no link", () => {
    for (const { everything, secrets } of [plain, pseudonymous])
      expect(secrets.filter((secret) => leaks(everything, secret))).toEqual([]);
  });

  it("name nobody, with or without a pseudonym", () => {
    for (const { everything, names } of [plain, pseudonymous]) {
      const text = everything.toLowerCase();
      expect(names.filter((name) => name === "" || text.includes(name.toLowerCase()))).toEqual([]);
      expect(
        names
          .flatMap((name) => name.split(/[ -]/))
          .filter((word) => /^(?:Ada|Lovelace|Kahn)$/.test(word) && everything.includes(word)),
      ).toEqual([]);
    }
  });

  it("have a pseudonym only where a key asks for one, on spans, the same for each of a person's requests", () => {
    expect(plain.everything).not.toContain("enduser");
    const [spans, points] = JSON.parse(pseudonymous.everything) as [
      { name: string; attributes: Record<string, string> }[],
      unknown,
    ];
    const expected = createHmac("sha256", key)
      .update(pseudonymous.principal)
      .digest("base64url")
      .slice(0, 22);
    const given = spans
      .map(({ attributes }) => attributes["enduser.pseudo.id"])
      .filter((one) => one !== undefined);
    expect(new Set(given).size).toBe(2);
    expect(given).toContain(expected);
    expect(JSON.stringify(points)).not.toContain("enduser");
  });
});

it("events hold no token and no link, and name people by the fields that are documented for it only", () => {
  for (const { events, secrets, names } of [plain, pseudonymous]) {
    const told = JSON.stringify(events.map((event) => ({ ...event, ...documented })));
    expect(secrets.filter((secret) => leaks(told, secret))).toEqual([]);
    expect(names.filter((name) => told.includes(name))).toEqual([]);
  }
});

/** See the table of events in docs/guides/observability.md. */
const documented = { expected: "", oid: "", principal: "", purpose: "", correlationId: "" };
