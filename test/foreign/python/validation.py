"""Strict validation by foreign models, with messages that can be read."""

import json

import httpx
from pydantic import TypeAdapter, ValidationError


def faults_of(adapter: TypeAdapter, value):
    """What is wrong with a value, one line each. Of a union only those members complain whose type it is."""
    try:
        adapter.validate_python(value, strict=True)
        return []
    except ValidationError as error:
        errors = error.errors(include_input=False, include_url=False)
    others = {e["loc"][:-1] for e in errors if e["type"] == "literal_error" and e["loc"][-1] == "type"}
    own = [e for e in errors if not any(e["loc"][: len(other)] == other for other in others)]
    named = value.get("type", "response")
    return sorted({f"{named}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in own or errors[:3]})


def ask(settings, prompt, stream):
    return httpx.post(
        f"{settings['url']}/responses",
        json={"model": "agent", "input": prompt, "stream": stream},
        headers=settings["headers"],
        timeout=20,
    )


def plain(settings, prompt):
    return ask(settings, prompt, False).json()


def streamed(settings, prompt):
    lines = ask(settings, prompt, True).text.splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
    assert events, "no event came"
    return events
