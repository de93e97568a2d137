"""The official JavaScript SDK redeems, and does what browsers do: Node tells stories."""

from __future__ import annotations

import pytest

from tests.running import Server
from tests.sdk.stories import stories, tell
from tests.sdk.test_javascript_sdk import installed

FILE = "checkout.mjs"
STORIES = stories(FILE)


@pytest.fixture(scope="module")
def node() -> str:
    return installed()


def test_there_are_stories() -> None:
    assert len(STORIES) == 7


@pytest.mark.parametrize("story", STORIES)
def test_story(server: Server, node: str, story: str) -> None:
    settings = {"client_redeem_enabled": True, "client_trusted_domains": ["https://shop.example"]}
    tell(node, FILE, story, server.project(**settings))
