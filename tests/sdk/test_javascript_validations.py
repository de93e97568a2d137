"""The official JavaScript SDK over validations: Node tells stories."""

from __future__ import annotations

import pytest

from tests.running import Shop
from tests.sdk.stories import stories, tell
from tests.sdk.test_javascript_sdk import installed

FILE = "validations.mjs"
STORIES = stories(FILE)


@pytest.fixture(scope="module")
def node() -> str:
    return installed()


def test_there_are_stories() -> None:
    assert len(STORIES) == 4


@pytest.mark.parametrize("story", STORIES)
def test_story(shop: Shop, node: str, story: str) -> None:
    tell(node, FILE, story, shop)
