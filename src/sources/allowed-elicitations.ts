import { check, isLoopback, isSecureUrl, list, optional } from "../options/checks.js";
import { nested, type OptionCheck } from "../options/option-table.js";

/** Which pages an MCP server may ask a user to open. */
export interface AllowedElicitations {
  /**
   * Where the pages may be: an origin and the path that they begin with, for example `https://gateway.example/connect/`.
   * Whole segments of the path count, and the query does not. A host that serves everybody needs a path:
   * `https://github.com` would allow each user's pages there.
   */
  readonly allowedLinks: readonly string[];
}

/** The option `elicitation` of `protectedResource()`. */
export const elicitationOption: OptionCheck<AllowedElicitations | undefined> = optional(
  nested<AllowedElicitations>({
    allowedLinks: list(
      check<string>(
        "text",
        "an https address (http only for a loopback host) without user name, query, fragment, and encoded slashes or dots in its path; with a path where the host serves everybody",
        (value: string) => {
          const url = new URL(value);
          if (!isSecureUrl(url) || url.search + url.hash !== "" || /%2f|%5c|%2e/i.test(url.pathname))
            return false;
          return url.pathname !== "/" || !servesEverybody(url.hostname);
        },
        (value) =>
          typeof value === "string" && URL.canParse(value) && servesEverybody(new URL(value).hostname)
            ? "This host serves everybody: add the path of the pages that the server may name."
            : undefined,
      ),
      1,
    ),
  }),
);

/** Whether a host has pages of many owners, so that its origin alone says nothing about who made a page. */
export function servesEverybody(hostname: string): boolean {
  if (isLoopback(hostname)) return false;
  // A final dot names the same host.
  const name = hostname.replace(/\.$/, "");
  return sharedHosts.some((host) => name === host || name.endsWith(`.${host}`));
}

/** These and every host below them: where people sign in, and where anybody can have a page. */
const sharedHosts: readonly string[] = [
  "amazonaws.com",
  "amazoncognito.com",
  "api.notion.com",
  "appleid.apple.com",
  "atlassian.com",
  "auth0.com",
  "azure-apihub.net",
  "bitbucket.org",
  "discord.com",
  "dropbox.com",
  "facebook.com",
  "github.com",
  "gitlab.com",
  "google.com",
  "googleapis.com",
  "huggingface.co",
  "linear.app",
  "linkedin.com",
  "live.com",
  "microsoft.com",
  "microsoftonline.com",
  "microsoftonline.us",
  "microsoftonline.cn",
  "notion.so",
  "okta.com",
  "salesforce.com",
  "slack.com",
  "windows.net",
];
