import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type IdentityEvent, userAccess } from "hosted-agent-identity";
import {
  memoryStore,
  type AuditRecord,
  type SignInAudit,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import { endOf } from "../../../src/sign-in/audit/auditor.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { codeOf, person, titleOf } from "../support/person.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

const hour = 3_600_000;
let world: SignInWorld;
let site: Site | undefined;
let time: number;
const now = (): number => time;
let records: AuditRecord[];
/** What the sink does with a record. */
let sink: (record: AuditRecord) => Promise<void>;
let events: IdentityEvent[];

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now });
  const consent = { user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] };
  world.entra.grantConsent(consent);
});
afterAll(() => world.entra.close());
beforeEach(() => {
  time = Math.max(time, Date.now());
  records = [];
  events = [];
  sink = async (record) => void records.push(record);
});
afterEach(() => site?.close());

async function serve(
  audit: Partial<SignInAudit> = {},
  store: SignInStore = memoryStore({ quiet: true, now }),
): Promise<Site> {
  site = await signInSite(world, {
    now,
    store,
    onEvent: (event) => void events.push(event),
    audit: { write: (record) => sink(record), ...audit },
  });
  return site;
}

const account = (): { tid: string; oid: string } => {
  const { tenantId: tid, oid } = world.entra.user("Ada");
  return { tid, oid };
};
const tokenOf = async ({ signIn }: Site, id: string): Promise<string> => {
  const contacts = userAccess(world.contacts, [signIn.tokens()], { now });
  return contacts.token(platformContext(id)).then(
    ({ token }) => token,
    (error: { code: string }) => error.code,
  );
};

/** Signs Ada in in a chat; returns the code. */
async function codeFor({ signIn }: Site, id: string): Promise<string> {
  const { link } = await signIn.link(platformContext(id), world.contacts);
  const page = await person(world.entra, "Ada").signIn(link, "Ada");
  return codeOf(page) === "" ? titleOf(page) : codeOf(page);
}

async function connect(on: Site, id: string): Promise<void> {
  await on.signIn.redeem(platformContext(id), await codeFor(on, id));
  expect((await on.signIn.redeem(platformContext(id), "yes")).status).toBe("bound");
}

const settled = async (): Promise<void> => {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
};
const shortly = (): string[] =>
  records.map(({ action, stage, outcome, reason }) =>
    [action, stage, outcome, reason].filter((part) => part !== undefined).join(" "),
  );

describe("with a sink that works", () => {
  it("records each sign-in, refresh, exchange, refusal and end, without a secret", async () => {
    const on = await serve();
    const { signIn } = on;
    const wrong = await codeFor(on, "chat");
    const flipped = wrong.startsWith("A") ? `B${wrong.slice(1)}` : `A${wrong.slice(1)}`;
    await signIn.redeem(platformContext("chat"), flipped);
    await signIn.redeem(platformContext("chat"), wrong);
    await signIn.redeem(platformContext("chat"), "yes");
    const first = await tokenOf(on, "chat");
    time += 2 * hour;
    const second = await tokenOf(on, "chat");
    const before = records.length;
    // A cached token is an event only.
    expect(await tokenOf(on, "chat")).toBe(second);
    expect(records).toHaveLength(before);
    const ada = await contextOf(world, "Ada");
    const id = await signIn.longRunning(ada, { purpose: "report", until: new Date(time + hour) });
    const { principal } = platformContext("chat");
    if (principal !== undefined) await signIn.signOut(principal);
    await settled();

    expect(shortly()).toEqual([
      "sign_in attempt",
      "sign_in outcome done waits_for_code",
      "code outcome refused wrong_code",
      "connect attempt",
      "connect outcome done",
      "refresh attempt",
      "refresh outcome done",
      "exchange attempt",
      "exchange outcome done",
      "end outcome done signed_out",
    ]);
    for (const record of records) {
      expect(record).toMatchObject({ v: 1, at: expect.any(Number), agent: "Contacts agent" });
      expect(record.id).toMatch(/^[0-9a-f]{32}$/);
      expect(Object.isFrozen(record)).toBe(true);
    }
    expect(records[3]).toMatchObject({
      account: account(),
      principal: JSON.stringify(["platform", "https://project.example.com", "agent", "chat"]),
      resource: world.contacts.url,
      scopes: world.contacts.scopes,
    });
    expect(records[3]?.id).toBe(records[4]?.id);
    expect(records[7]).toMatchObject({ work: expect.stringMatching(/^[\w-]{16}$/), account: account() });
    const said = JSON.stringify(records);
    for (const secret of [
      first,
      second,
      wrong,
      flipped,
      id,
      ...grantsIn(await on.store.scan?.("", undefined, 500)),
    ])
      expect(said).not.toContain(secret);
    expect(said).not.toMatch(/eyJ|\/start\?|[?&]t=/);
  });

  it("records what Entra refused, and a user who said no", async () => {
    const on = await serve();
    await on.signIn.redeem(platformContext("no"), await codeFor(on, "no"));
    await on.signIn.redeem(platformContext("no"), "no");
    await connect(on, "chat");
    world.entra.policies.add({ type: "revoked", user: "Ada", grant: "refresh_token", times: 1 });
    time += 2 * hour;
    expect(await tokenOf(on, "chat")).toBe("consent_required");
    await settled();
    expect(shortly()).toContain("code outcome refused declined");
    expect(shortly().slice(-2).sort()).toEqual([
      "end outcome done revoked",
      expect.stringMatching(/^refresh outcome refused /),
    ]);
  });
});

/** The stored texts: sealed, and in no record either. */
function grantsIn(
  page: Awaited<ReturnType<NonNullable<SignInStore["scan"]>>> | undefined,
): readonly string[] {
  return page?.records.map(([, value]) => value).filter((value) => value.length > 20) ?? [];
}

describe.each([
  ["refuses", async () => Promise.reject(new Error("hunter2"))],
  [
    "throws at once",
    () => {
      throw new Error("hunter2");
    },
  ],
  ["hangs", () => new Promise<void>(() => {})],
] as const)("with a required sink that %s", (_what, fails) => {
  const required = { required: true, timeoutMs: 50 };

  it("nothing is issued, and what is at hand, ends and erasures go on", async () => {
    const on = await serve(required);
    await connect(on, "chat");
    const token = await tokenOf(on, "chat");
    const waiting = await codeFor(on, "waits");
    await on.signIn.redeem(platformContext("waits"), waiting);
    sink = fails;

    expect(await tokenOf(on, "chat")).toBe(token);
    expect(await codeFor(on, "new")).not.toMatch(/^\w{3}-/);
    await expect(on.signIn.redeem(platformContext("waits"), "yes")).rejects.toThrow(
      expect.objectContaining({ code: "audit_unavailable", category: "retry" }),
    );
    await expect(
      on.signIn.longRunning(await contextOf(world, "Ada"), {
        purpose: "report",
        until: new Date(time + hour),
      }),
    ).rejects.toThrow(expect.objectContaining({ code: "audit_unavailable" }));
    await expect(on.signIn.admin.list({ actor: "olga" })).rejects.toThrow(
      expect.objectContaining({ code: "audit_unavailable" }),
    );
    const refreshes = world.refreshes();
    time += 2 * hour;
    expect(await tokenOf(on, "chat")).toBe("audit_unavailable");
    expect(world.refreshes()).toBe(refreshes);

    const began = performance.now();
    expect((await on.signIn.admin.erase({ actor: "olga", person: account() })).grants).toBe(1);
    expect(performance.now() - began).toBeLessThan(500);
    const failures = events.filter(({ type }) => type === "audit_failed");
    expect(failures).toContainEqual(
      expect.objectContaining({ action: "refresh", stage: "attempt", required: true }),
    );
    expect(JSON.stringify(events)).not.toContain("hunter2");
    sink = async (record) => void records.push(record);
    await connect(on, "chat");
  });
});

it("a sink that fails holds nothing up where it is not required", async () => {
  const on = await serve({ timeoutMs: 20 });
  sink = () => new Promise<void>(() => {});
  await connect(on, "chat");
  time += 2 * hour;
  expect(await tokenOf(on, "chat")).toMatch(/^ey/);
  await on.signIn.close();
});

it("a new refresh token is written while its record hangs", async () => {
  const on = await serve({ timeoutMs: 60_00 });
  await connect(on, "chat");
  sink = (record) => (record.stage === "outcome" ? new Promise<void>(() => {}) : Promise.resolve());
  time += 2 * hour;
  const began = performance.now();
  expect(await tokenOf(on, "chat")).toMatch(/^ey/);
  expect(performance.now() - began).toBeLessThan(3_000);
});

it("names only codes of this package, and quotes no other error", () => {
  expect(endOf(new Error("hunter2"))).toEqual({ outcome: "failed", reason: "unexpected" });
});
