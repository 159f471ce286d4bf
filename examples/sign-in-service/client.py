"""A Python agent's side of the sign-in service, with the standard library only.
Prerequisites: SIGN_IN_URL, SIGN_IN_RESOURCE (api://<client id of the service>), and the container's own identity."""
import json
import os
import urllib.error
import urllib.parse
import urllib.request


class ConsentRequired(Exception):
    """The person has to open a link: show `requests` to that person, and to nobody else."""

    def __init__(self, requests):
        super().__init__("the user has to sign in")
        self.requests = requests


def read(url, body, headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["error"]["code"]) from None


def call(path, user, **fields):
    """`user`: {"user_token": …}, or {"platform_user_id": …}. `call("redeem", user, text=…)` takes each message
    first; `call("prompt", user, prompt=…)` keeps the one that has to wait. See sign-in-service.openapi.json."""
    query = urllib.parse.urlencode({"api-version": "2019-08-01", "resource": os.environ["SIGN_IN_RESOURCE"]})
    identity = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
    own = read(os.environ["IDENTITY_ENDPOINT"] + "?" + query, None, identity)["access_token"]
    headers = {"Authorization": "Bearer " + own, "Content-Type": "application/json"}
    return read(os.environ["SIGN_IN_URL"] + "/v1/" + path, json.dumps({"user": user, **fields}).encode(), headers)


def access_token(server_label, user):
    reply = call("tokens", user, server_label=server_label)
    if reply["status"] == "consent_required":
        raise ConsentRequired(reply["requests"])
    return reply["access_token"]
