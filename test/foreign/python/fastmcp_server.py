"""An MCP server of FastMCP that verifies tokens itself, with tools that the checks call."""

from dataclasses import dataclass

from fastmcp import Context, FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_access_token
from reporting import settings, versions

versions("fastmcp")
verifier = JWTVerifier(
    jwks_uri=settings["jwksUri"],
    issuer=settings["issuer"],
    audience=settings["audience"],
    required_scopes=["read"],
)
mcp = FastMCP("contacts", auth=verifier)


@dataclass
class Name:
    name: str


@mcp.tool
async def whoami() -> str:
    return get_access_token().claims["oid"]


@mcp.tool
async def count(ctx: Context, steps: int) -> str:
    for step in range(steps):
        await ctx.report_progress(step + 1, steps)
    return "counted"


@mcp.tool
async def greet(ctx: Context) -> str:
    answer = await ctx.elicit("What is your name?", response_type=Name)
    return f"Hello {answer.data.name}"


mcp.run(transport="http", host="127.0.0.1", port=settings["port"], path="/mcp", show_banner=False)
