/** The shape of `fetch` that factories, MCP transports and REST clients take. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
