"""An MCP server of FastMCP that verifies tokens itself, with tools that the checks call."""

import asyncio
from dataclasses import dataclass

import uvicorn
from fastmcp import Context, FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier
from fastmcp.server.dependencies import get_access_token
from fastmcp.server.event_store import EventStore
from mcp.types import SamplingMessage, TextContent, ToolListChangedNotification
from reporting import settings, versions

versions("fastmcp")
verifier = JWTVerifier(
    jwks_uri=settings["jwksUri"],
    issuer=settings["issuer"],
    audience=settings["audience"],
    required_scopes=["read"],
)
mcp = FastMCP("contacts", auth=verifier, list_page_size=8)


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


@mcp.tool
def greeting(name: str) -> Name:
    return Name(name=f"Hello {name}")


@mcp.tool
def fail() -> str:
    raise ValueError("on purpose")


@mcp.tool
async def announce(ctx: Context) -> str:
    await ctx.send_notification(ToolListChangedNotification())
    return "announced"


@mcp.tool
async def report(ctx: Context) -> str:
    await ctx.debug("below the level")
    await ctx.info("reported")
    return "reported"


@mcp.tool
async def think(ctx: Context) -> str:
    question = SamplingMessage(role="user", content=TextContent(type="text", text="Think of something."))
    return (await ctx.session.create_message([question], max_tokens=10)).content.text


@mcp.tool
async def folders(ctx: Context) -> str:
    return " ".join(str(root.uri) for root in (await ctx.session.list_roots()).roots)


@mcp.tool
async def pause(ctx: Context) -> str:
    await ctx.report_progress(1, 2)
    await ctx.close_sse_stream()
    await asyncio.sleep(0.5)
    return "went on"


@mcp.resource("note://first")
def first() -> str:
    return "the first note"


@mcp.resource("note://{number}", name="note")
def note(number: str) -> str:
    return f"note {number}"


@mcp.prompt
def summary(subject: str) -> str:
    return f"Summarize what is known about {subject}."


app = mcp.http_app(path="/mcp", event_store=EventStore(), retry_interval=200)
uvicorn.run(app, host="127.0.0.1", port=settings["port"], log_level="warning")
