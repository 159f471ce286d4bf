"""Microsoft's own host of the protocol, with an agent that does what ours does in the comparison."""

from azure.ai.agentserver.responses import ResponseEventStream, ResponsesAgentServerHost, TextResponse
from reporting import settings, versions

versions("azure-ai-agentserver-responses")
app = ResponsesAgentServerHost()


@app.response_handler
async def answer(request, context, cancellation_signal):
    prompt = await context.get_input_text()

    async def text():
        if prompt == "fail":
            yield "I begin. "
            raise RuntimeError("internals that nobody may see")
        yield "You said: "
        yield prompt

    async def nothing():
        stream = ResponseEventStream(response_id=context.response_id, request=request)
        yield stream.emit_created()
        yield stream.emit_in_progress()
        yield stream.emit_completed()

    return nothing() if prompt == "empty" else TextResponse(context, request, text=text())


app.run(host="127.0.0.1", port=settings["port"])
