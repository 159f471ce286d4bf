import { randomUUID } from "node:crypto";
import { told, type Told } from "../told.js";
import { createVisitor, pressThrough } from "../visitor.js";
import type { Setting } from "./setting.js";

/** The people in front of the chat, and their browsers. */
export interface Person {
  /** Types a message. The platform says which of its users that is, and nothing else. */
  says(platformUser: string, input: string): Promise<Told>;
  /** Continues, picks the account, consents, and reads the code of the page. */
  signsIn(link: string, name: string): Promise<string>;
}

export function createPerson({ agentUrl }: Pick<Setting, "agentUrl">): Person {
  return {
    async says(platformUser, input) {
      const headers = {
        "content-type": "application/json",
        "x-agent-user-id": platformUser,
        "x-agent-foundry-call-id": randomUUID(),
      };
      const body = JSON.stringify({ input });
      return told(await fetch(`${agentUrl}/responses`, { method: "POST", headers, body }));
    },
    async signsIn(link, name) {
      const page = await pressThrough(createVisitor(), link, [name, "Continue", "Accept"], codeOn);
      const code = codeOn(page.html);
      if (code !== undefined) return code;
      throw new Error(`There is no code on the page ${page.url.pathname} (HTTP ${page.status}).`);
    },
  };
}

function codeOn(html: string): string | undefined {
  return /<output[^>]*>([^<]+)<\/output\s*>/.exec(html)?.[1]?.trim();
}
