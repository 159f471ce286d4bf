"""OpenAI's own client and models, as readers of a turn."""

from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter
from reporting import check, expect, is_consent_link, settings, versions
from validation import faults_of, plain, streamed

versions("openai")
client = OpenAI(
    base_url=settings["url"],
    api_key="none",
    default_headers=settings["headers"],
    max_retries=0,
    timeout=20,
)
OID = settings["oid"]
RESPONSE = TypeAdapter(Response)
EVENT = TypeAdapter(ResponseStreamEvent)

# input: status, text, the last event
TURNS = {
    "whoami": ("completed", f"Hello {OID}", "response.completed"),
    "calendar": ("incomplete", "Let me look. ", "response.incomplete"),
    "empty": ("completed", "", "response.completed"),
    "fail": ("failed", "I begin. ", "response.failed"),
}


def expect_turn(response, prompt):
    status, text, _ = TURNS[prompt]
    expect(response.status, status, "status")
    expect(response.output_text, text, "output_text")
    consents = [item for item in response.output if item.type == "oauth_consent_request"]
    expect(len(consents), 1 if prompt == "calendar" else 0, "number of consent requests")
    for item in consents:
        assert is_consent_link(item.consent_link), "the consent item has no link"
        expect(item.server_label, "calendar", "server_label")
    if status == "failed":
        assert response.error.code and response.error.message, "a failed response without code and message"
        assert "internals" not in response.error.message, "the message shows what the agent threw"


def without_consents(given):
    """OpenAI's union of items does not know Foundry's consent request; everything else has to fit."""
    for response in (given, given.get("response") or {}):
        if "output" in response:
            items = response["output"]
            response["output"] = [item for item in items if item["type"] != "oauth_consent_request"]
    return given


for prompt, (status, text, last) in TURNS.items():
    with check(f"create, {prompt}"):
        expect_turn(client.responses.create(model="agent", input=prompt), prompt)

    with check(f"create with stream=True, {prompt}"):
        events = list(client.responses.create(model="agent", input=prompt, stream=True))
        expect(events[0].type, "response.created", "the first event")
        expect(events[-1].type, last, "the last event")
        expect([event.sequence_number for event in events], list(range(len(events))), "sequence numbers")
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        expect("".join(deltas), text, "the text of the deltas")
        expect_turn(events[-1].response, prompt)

    with check(f"responses.stream(), {prompt}"):
        with client.responses.stream(model="agent", input=prompt) as stream:
            expect([event.type for event in stream][-1], last, "the last event")
            # The helper takes a final response only from response.completed, from any server.
            if last == "response.completed":
                expect_turn(stream.get_final_response(), prompt)

    with check(f"strict validation of each event and of the response, {prompt}"):
        faults = faults_of(RESPONSE, without_consents(plain(settings, prompt)))
        for event in streamed(settings, prompt):
            if (event.get("item") or {}).get("type") != "oauth_consent_request":
                faults += faults_of(EVENT, without_consents(event))
        assert not faults, "\n".join(faults)
