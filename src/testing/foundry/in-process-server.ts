/** A web-standard handler that stands for a container, or for an MCP server, in the same process. */
export type InProcessServer = (request: Request) => Response | Promise<Response>;
