import type { Page } from "playwright-core";
import { startWorld, type World } from "../../../examples/chat/world.js";
import { shown } from "../recorder.js";
import { watchedPage, type WatchedPage } from "./browser.js";
import { noteEntra } from "./emulators.js";

/** The page of the demo in Chromium: somebody who signs in first, and somebody whose requests bring no token. */
export async function playChatPage(): Promise<boolean> {
  const world = await startWorld({ port: 0 });
  try {
    await Promise.all([signedIn(world), portalVisitor(world)]);
    noteEntra(world.entra, "chat page");
    const hops = world.accounts.map(({ oid }) => world.hops.of(oid));
    shown("emulator log", JSON.stringify([hops, world.verified]), "chat page: hops");
    return true;
  } finally {
    await world.close();
  }
}

async function signedIn(world: World): Promise<void> {
  const [ada] = world.accounts;
  const watched = await watchedPage("the page of Ada", world.entra.origin);
  const { page } = watched;
  await page.goto(world.origin);
  await page.getByRole("link", { name: `Sign in as ${ada?.name}` }).click();
  await page.getByRole("button", { name: ada?.username ?? "" }).click();
  await page.getByRole("button", { name: "Sign out" }).waitFor();
  await ask(watched, "Who am I?");
  const tab = await opened(page, "Give permission");
  await watched.look(tab);
  await tab.getByRole("button", { name: "Accept" }).click();
  await tab.getByText("You can close this tab").waitFor();
  await watched.look(tab);
  await answered(page, /sees you as/);
  await ask(watched, "Show my contacts");
  await answered(page, /contacts of/);
  await watched.look();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("Sign in to begin").waitFor();
  await watched.close();
}

async function portalVisitor(world: World): Promise<void> {
  const watched = await watchedPage("the page of a visitor", world.entra.origin);
  const { page } = watched;
  await page.goto(world.origin);
  await page.getByRole("button", { name: "Come without a token" }).click();
  await page.locator("#account").getByText("Portal visitor").waitFor();
  await ask(watched, "Who am I?");
  const tab = await opened(page, "Sign in and get a code");
  for (const text of ["Continue", world.portalPerson.username, "Accept"]) {
    await tab.getByRole("button", { name: text }).waitFor();
    await watched.look(tab);
    await tab.getByRole("button", { name: text }).click();
  }
  const code = await tab.locator("output").innerText();
  await watched.look(tab);
  await tab.close();
  await ask(watched, code.trim());
  await answered(page, /your account/);
  await watched.look();
  await ask(watched, "yes");
  await answered(page, /sees you as/);
  await watched.close();
}

async function ask({ page }: WatchedPage, text: string): Promise<void> {
  await page.getByLabel("Your question").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

async function answered(page: Page, text: RegExp): Promise<void> {
  await page.locator(".answer").filter({ hasText: text }).last().waitFor();
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
}

async function opened(page: Page, link: string): Promise<Page> {
  const tab = page.context().waitForEvent("page");
  await page.getByRole("link", { name: link }).click();
  await (await tab).waitForLoadState();
  return tab;
}
