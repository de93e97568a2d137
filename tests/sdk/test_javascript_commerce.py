"""The official JavaScript SDK over products, orders, events and segments: Node tells the stories of
`javascript/products.mjs`.
"""

from __future__ import annotations

import pytest

from tests.running import Server
from tests.sdk.stories import stories, tell
from tests.sdk.test_javascript_sdk import installed

FILE = "products.mjs"
STORIES = stories(FILE)


@pytest.fixture(scope="module")
def node() -> str:
    return installed()


def test_there_are_stories() -> None:
    assert len(STORIES) == 9


@pytest.mark.parametrize("story", STORIES)
def test_story(server: Server, node: str, story: str) -> None:
    shop = server.project(
        client_trusted_domains=["https://shop.example"], client_loyalty_events_enabled=True
    )
    tell(node, FILE, story, shop)
