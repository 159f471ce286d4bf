/**
 * Microsoft Graph, or any other REST API that Entra protects, as the person who is asking.
 *
 * Prerequisites: the agent's app has the delegated permission *Microsoft Graph → User.Read*, and the person or an
 * administrator has consented. In a turn, or behind `userContext()`, call `profile(graph)`.
 */
import { protectedResource, userAccess, type TokenSource, type UserAccess } from "hosted-agent-identity";

/** What Graph tells about a person. Source: learn.microsoft.com, graph/api/user-get. */
export interface Profile {
  readonly id: string;
  readonly displayName: string;
}

/** Made once for the process, for example with `onBehalfOf(app)`: each call acts as the user of its context. */
export function graphAccess(source: TokenSource, url = "https://graph.microsoft.com/v1.0"): UserAccess {
  const graph = protectedResource({
    url,
    serverLabel: "Microsoft Graph",
    scopes: ["https://graph.microsoft.com/User.Read"],
    audiences: ["https://graph.microsoft.com"],
  });
  return userAccess(graph, [source]);
}

export async function profile(graph: UserAccess): Promise<Profile> {
  const response = await graph.fetch(`${graph.url}/me?$select=id,displayName`);
  if (!response.ok) throw new Error(`Graph answered ${response.status}`);
  return (await response.json()) as Profile;
}
