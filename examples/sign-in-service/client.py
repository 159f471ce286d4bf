"""A Python agent's side of the sign-in service, with the standard library only.

Prerequisites: SIGN_IN_URL and SIGN_IN_RESOURCE (api://<client id of the service>), and the managed identity
that the container already has (IDENTITY_ENDPOINT, IDENTITY_HEADER)."""
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


def agent_token():
    query = urllib.parse.urlencode({"api-version": "2019-08-01", "resource": os.environ["SIGN_IN_RESOURCE"]})
    request = urllib.request.Request(os.environ["IDENTITY_ENDPOINT"] + "?" + query)
    request.add_header("X-IDENTITY-HEADER", os.environ["IDENTITY_HEADER"])
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)["access_token"]


def user_access_token(server_label, *, user_token=None, platform_user_id=None):
    user = {"user_token": user_token} if user_token else {"platform_user_id": platform_user_id}
    body = json.dumps({"server_label": server_label, "user": user}).encode()
    headers = {"Authorization": "Bearer " + agent_token(), "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["SIGN_IN_URL"] + "/v1/tokens", body, headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            reply = json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error)["error"]["code"]) from None
    if reply["status"] == "consent_required":
        raise ConsentRequired(reply["requests"])
    return reply["access_token"]
