import { randomUUID } from "node:crypto";
import { createVisitor, formsOf } from "../visitor.js";
import type { Setting } from "./setting.js";

/** What the chat says to a message. */
export interface Told {
  readonly status: string;
  readonly text: string;
  /** Of the consent item. */
  readonly link: string | undefined;
}

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
      const response = await fetch(`${agentUrl}/responses`, { method: "POST", headers, body });
      return told((await response.json()) as ResponseBody);
    },
    async signsIn(link, name) {
      const browser = createVisitor();
      let page = await browser.visit(link);
      for (let steps = 0; steps < 6; steps += 1) {
        const code = /<output[^>]*>([^<]+)<\/output>/.exec(page.html)?.[1]?.trim();
        if (code !== undefined) return code;
        const choices = formsOf(page.html).flatMap((form) =>
          form.buttons.map((button) => ({ form, button })),
        );
        const wanted =
          choices.find(({ button }) => button.text.includes(name)) ??
          choices.find(({ button }) => /continue|accept/i.test(button.text));
        if (wanted === undefined) break;
        const { form, button } = wanted;
        page = await browser.submit(page, form, button.name === "" ? {} : { [button.name]: button.value });
      }
      throw new Error(`There is no code on the page ${page.url.pathname} (HTTP ${page.status}).`);
    },
  };
}

interface ResponseBody {
  readonly status?: string;
  readonly output?: readonly {
    readonly type: string;
    readonly consent_link?: string;
    readonly content?: readonly { readonly text?: string }[];
  }[];
}

function told({ status = "refused", output = [] }: ResponseBody): Told {
  return {
    status,
    text: output
      .flatMap(({ content = [] }) => content.map((part) => part.text ?? ""))
      .join("")
      .trim(),
    link: output.find(({ type }) => type === "oauth_consent_request")?.consent_link,
  };
}
