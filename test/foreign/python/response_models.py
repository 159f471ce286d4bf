"""The models that Microsoft generates from the protocol, over every event and every response of ours."""

from typing import get_args

from azure.ai.agentserver.responses.models._generated import types
from pydantic import TypeAdapter
from reporting import check, expect, settings, versions
from validation import faults_of, plain, streamed

versions("azure-ai-agentserver-responses")

TERMINAL = {"whoami": "completed", "calendar": "incomplete", "empty": "completed", "fail": "failed"}
EVENTS = {}
for model in get_args(types.ResponseStreamEvent):
    # Required[Literal["response.created"]]
    (literal,) = get_args(model.__annotations__["type"])
    EVENTS[get_args(literal)[0]] = TypeAdapter(model)
RESPONSE = TypeAdapter(types.ResponseObject)

for prompt, status in TERMINAL.items():
    with check(f"every event of a streamed turn, {prompt}"):
        events = streamed(settings, prompt)
        expect(events[-1]["type"], f"response.{status}", "the last event")
        faults = []
        for event in events:
            assert event["type"] in EVENTS, f"an event {event['type']} that the models do not know"
            faults += faults_of(EVENTS[event["type"]], event)
        assert not faults, "\n".join(faults)

    with check(f"the response of a turn that is not streamed, {prompt}"):
        response = plain(settings, prompt)
        expect(response["status"], status, "status")
        faults = faults_of(RESPONSE, response)
        assert not faults, "\n".join(faults)
