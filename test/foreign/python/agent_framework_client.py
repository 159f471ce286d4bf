"""Microsoft's agent framework at our agent: one conversation of three turns, with a consent in the second."""

import asyncio
import time

import httpx
from agent_framework.foundry import FoundryAgent
from azure.core.credentials import AccessToken
from reporting import check, expect, is_consent_link, settings, versions

versions("agent-framework-foundry")
CONVERSATION = "conv_" + "a" * 48
SESSION_KEY = "foundry_hosted_agent_session_id"


class Credential:
    async def get_token(self, *scopes, **more):
        return AccessToken("of-the-caller", int(time.time()) + 3600)

    async def close(self):
        pass

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        pass


async def converse(streamed):
    agent = FoundryAgent(
        project_endpoint=settings["projectEndpoint"],
        agent_name="agent",
        credential=Credential(),
        default_headers=settings["headers"],
        timeout=20,
    )
    session = agent.get_session(service_session_id=CONVERSATION)
    how = "streamed" if streamed else "plain"
    agent_sessions = []

    async def say(prompt):
        if not streamed:
            return await agent.run(prompt, session=session)
        stream = agent.run(prompt, stream=True, session=session)
        async for _ in stream:
            pass
        return await stream.get_final_response()

    def links(response):
        contents = [content for message in response.messages for content in message.contents]
        return [content.consent_link for content in contents if content.type == "oauth_consent_request"]

    def expect_kept():
        expect(session.service_session_id, CONVERSATION, "the conversation of the next turn")
        agent_sessions.append(session.state.get(SESSION_KEY))
        assert agent_sessions[-1], "the agent session id is not known after the turn"
        expect(agent_sessions[-1], agent_sessions[0], "the agent session id")

    with check(f"turn 1 answers, {how}"):
        expect((await say("whoami")).text, f"Hello {settings['oid']}", "the text")
    with check(f"turn 1 leaves conversation and agent session to the next, {how}"):
        expect_kept()
    with check(f"turn 2 asks for consent, {how}"):
        response = await say("calendar")
        found = links(response)
        expect(len(found), 1, "number of consent links")
        assert is_consent_link(found[0]), "the link is not Entra's"
    with check(f"turn 2 leaves conversation and agent session to the next, {how}"):
        expect_kept()
    httpx.post(f"{settings['url']}/consent").raise_for_status()
    with check(f"turn 3 answers after the consent, {how}"):
        response = await say("calendar")
        expect(response.text, f"Let me look. {settings['oid']}", "the text")
        expect(links(response), [], "consent links")
    with check(f"turn 3 leaves conversation and agent session to the next, {how}"):
        expect_kept()


asyncio.run(converse(settings["streamed"]))
