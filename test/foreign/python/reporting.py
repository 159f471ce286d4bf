"""What a Python program here says to the run that started it: its settings come in as JSON, its checks go out, one a line."""

import json
import sys
from contextlib import contextmanager
from importlib.metadata import version

settings = json.load(sys.stdin)


def _say(what):
    print("@" + json.dumps(what), flush=True)


def versions(*packages):
    _say({"versions": ", ".join(f"{name} {version(name)}" for name in packages)})


@contextmanager
def check(name):
    """One check: whatever is raised in it is what went wrong."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        # An assertion without a text is better than none.
        _say({"check": name, "problem": f"{type(error).__name__}: {error}"[:2000]})
    else:
        _say({"check": name})


def expect(actual, expected, what):
    assert actual == expected, f"{what} is {actual!r}, expected {expected!r}"


def is_consent_link(link):
    """A link is never printed, so it is never compared in a message either."""
    return isinstance(link, str) and link.startswith("https://login.microsoftonline.com/")
