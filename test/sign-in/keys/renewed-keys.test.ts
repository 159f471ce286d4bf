import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type IdentityEvent, userAccess } from "hosted-agent-identity";
import { memoryStore, type SignIn } from "hosted-agent-identity/sign-in";
import { platformContext } from "../support/contexts.js";
import { codeOf, person, titleOf } from "../support/person.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

const hour = 3_600_000;
const [k1, k2] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
let world: SignInWorld;
let site: Site | undefined;
let time: number;
const now = (): number => time;
let keys: readonly string[];
/** How often the function was asked. */
let asked: number;
let events: IdentityEvent[];
let fails: boolean;

beforeAll(async () => {
  time = Date.now();
  world = await signInWorld({ now });
  const consent = { user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] };
  world.entra.grantConsent(consent);
});
afterAll(() => world.entra.close());
beforeEach(() => {
  time = Math.max(time, Date.now());
  keys = [k1];
  asked = 0;
  events = [];
  fails = false;
});
afterEach(() => site?.close());

const encryptionKeys = async (): Promise<readonly string[]> => {
  asked += 1;
  if (fails) throw new Error("hunter2");
  return keys;
};
async function serve(): Promise<Site> {
  const store = memoryStore({ quiet: true, now });
  site = await signInSite(world, {
    now,
    store,
    encryptionKeys,
    onEvent: (event) => void events.push(event),
  });
  return site;
}
const tokenOf = (signIn: SignIn, id = "chat"): Promise<string> =>
  userAccess(world.contacts, [signIn.tokens()], { now })
    .token(platformContext(id))
    .then(
      ({ token }) => token,
      (error: { code: string }) => error.code,
    );
async function connect(signIn: SignIn, id = "chat"): Promise<void> {
  const { link } = await signIn.link(platformContext(id), world.contacts);
  const page = await person(world.entra, "Ada").signIn(link, "Ada");
  if (codeOf(page) === "") throw new Error(`No code on the page: ${titleOf(page)}`);
  await signIn.redeem(platformContext(id), codeOf(page));
  expect((await signIn.redeem(platformContext(id), "yes")).status).toBe("bound");
}

it("keys from a function serve links, pages, codes and grants, and are asked for once", async () => {
  const { signIn } = await serve();
  expect(asked).toBe(0);
  await connect(signIn);
  expect(await tokenOf(signIn)).toMatch(/^ey/);
  expect(asked).toBe(1);
});

it("a record that another process sealed with a newer key is read, not taken for none and overwritten", async () => {
  const on = await serve();
  const old = on.signIn;
  await connect(old, "before");
  keys = [k2, k1];
  const newer = on.twin();
  on.use(newer);
  await connect(newer);
  const token = await tokenOf(newer);
  expect(token).toMatch(/^ey/);
  time += 11_000;
  expect(await tokenOf(old)).toBe(token);
  expect(await tokenOf(old, "before")).toMatch(/^ey/);
  // Links of the one are opened by the other, in both directions.
  await connect(old, "after");
  on.use(old);
  await connect(newer, "later");
});

it("the keys are asked for again every hour, and the ones from before stay when that fails", async () => {
  const { signIn } = await serve();
  await connect(signIn);
  await tokenOf(signIn);
  fails = true;
  time += hour + 1;
  expect(await tokenOf(signIn)).toMatch(/^ey/);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(asked).toBe(2);
  expect(events).toContainEqual({ type: "encryption_keys_failed", code: "encryption_keys_unavailable" });
  expect(JSON.stringify(events)).not.toContain("hunter2");
});

it("texts that look as if they were sealed with an unknown key do not ask for the keys again and again", async () => {
  const on = await serve();
  await connect(on.signIn);
  time += 11_000;
  for (let n = 0; n < 20; n += 1) {
    const link = `${on.publicUrl}/start?t=${randomBytes(90).toString("base64url")}`;
    await (await fetch(link)).arrayBuffer();
  }
  expect(asked).toBe(2);
});

it("without a first key nothing is done, and the error says so; the next call tries again", async () => {
  const on = await serve();
  fails = true;
  const refused = expect.objectContaining({ code: "encryption_keys_unavailable", category: "retry" });
  await expect(on.signIn.ready()).rejects.toThrow(refused);
  await expect(on.signIn.link(platformContext("chat"), world.contacts)).rejects.toThrow(refused);
  expect((await fetch(`${on.publicUrl}/start?t=x`)).status).toBe(503);
  keys = ["short"];
  fails = false;
  await expect(on.signIn.ready()).rejects.toThrow(expect.objectContaining({ code: "invalid_option" }));
  keys = [k1];
  await connect(on.signIn);
});
