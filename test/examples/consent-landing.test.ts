import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { consentLanding } from "../../examples/consent-landing/landing.js";
import { listening, type RunningHost } from "../support/listening.js";

let host: RunningHost;
beforeAll(async () => {
  host = await listening(createServer(consentLanding));
});
afterAll(() => host.close());

const secret = "0.AXoA-the-code-that-nobody-may-see";

async function land(query: string, init: RequestInit = {}) {
  const first = await fetch(`${host.url}/consented?${query}`, { redirect: "manual", ...init });
  const location = first.headers.get("location");
  const clean = location === null ? first : await fetch(new URL(location, `${host.url}/consented`));
  return { first, location, page: clean, text: await clean.text() };
}

describe("the landing page", () => {
  it.each([
    [`code=${secret}&state=abc&session_state=x`, "given", "Thank you"],
    ["admin_consent=True&tenant=x&scope=y&state=z", "given", "Thank you"],
    ["admin_consent=False&state=z", "problem", "That did not work"],
    [
      `error=access_denied&error_subcode=cancel&error_description=AADSTS65004%3A+${secret}&state=x`,
      "declined",
      "You did not give permission",
    ],
    ["error=permission_denied&error_description=x", "declined", "You did not give permission"],
    [
      "error=access_denied&error_description=AADSTS90094%3A+admin",
      "needs-admin",
      "An administrator has to approve first",
    ],
    ["error=consent_required", "needs-admin", "An administrator has to approve first"],
    ["error=server_error", "problem", "That did not work"],
    ["state=only", "problem", "That did not work"],
  ])("for %s says what happened at a clean address", async (query, outcome, title) => {
    const { first, location, page, text } = await land(query);
    expect([first.status, location]).toEqual([303, `?outcome=${outcome}`]);
    expect(page.status).toBe(200);
    expect(text).toContain(`<h1>${title}</h1>`);
    expect(text).toContain(`<title>${title}</title>`);
    expect(text + JSON.stringify([...first.headers, ...page.headers])).not.toContain(secret);
  });

  it.each([
    ["de-AT,en;q=0.5", "de", "Vielen Dank"],
    ["ja,fr;q=0.9", "fr", "Merci"],
    ["ES", "es", "Gracias"],
    ["__proto__, constructor", "en", "Thank you"],
  ])("speaks the language of the browser: %s", async (accepted, tag, title) => {
    const url = `${host.url}/consented?outcome=given`;
    const page = await fetch(url, { headers: { "accept-language": accepted } });
    expect(page.headers.get("vary")).toBe("Accept-Language");
    expect(await page.text()).toMatch(new RegExp(`<html lang="${tag}">[^]*<h1>${title}</h1>`));
  });

  it("looks like the sign-in pages: each of its rules is one of theirs", async () => {
    const { text } = await land("outcome=given");
    const source = await readFile(new URL("../../src/sign-in/pages/style.ts", import.meta.url), "utf8");
    const rules = /<style>([^]*)<\/style>/.exec(text)?.[1]?.trim().split("\n") ?? [];
    expect(rules.length).toBeGreaterThan(10);
    expect(rules.filter((rule) => !source.includes(rule))).toEqual([]);
  });

  it("writes nothing of the address into the page", async () => {
    const { text } = await land("outcome=%3Cscript%3E");
    expect(text).toContain("That did not work");
    expect(text).not.toContain("script");
    expect((await land(`outcome=given&error=x&next=${secret}`)).location).toBe("?outcome=problem");
    expect((await land("outcome=__proto__")).text).toContain("That did not work");
  });

  it("is kept nowhere, loads nothing and is framed by nobody", async () => {
    const { first, page, text } = await land(`code=${secret}`);
    const style = /<style>([^]*)<\/style>/.exec(text)?.[1] ?? "";
    for (const { headers } of [first, page]) {
      expect(Object.fromEntries(headers)).toMatchObject({
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
      });
      const policy = headers.get("content-security-policy");
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain(`'sha256-${createHash("sha256").update(style).digest("base64")}'`);
      expect(headers.get("set-cookie")).toBeNull();
    }
  });

  it("says nothing to the log", async () => {
    const said = (["log", "info", "warn", "error", "debug"] as const).map((level) =>
      vi.spyOn(console, level),
    );
    const written = [vi.spyOn(process.stdout, "write"), vi.spyOn(process.stderr, "write")];
    await land(`code=${secret}`);
    for (const spy of said) expect(spy).not.toHaveBeenCalled();
    expect(JSON.stringify(written.map(({ mock }) => mock.calls))).not.toContain(secret);
  });

  it("takes GET only", async () => {
    const { first } = await land(`code=${secret}`, { method: "POST" });
    expect([first.status, first.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});
