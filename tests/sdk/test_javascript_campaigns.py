"""The official JavaScript SDK over campaigns: Node runs `javascript/campaigns.mjs`."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.running import Shop
from tests.sdk.test_javascript_sdk import FOLDER, installed

STORIES = re.findall(r"^  async (\w+)\(\) \{$", (FOLDER / "campaigns.mjs").read_text(), re.M)


@pytest.fixture(scope="module")
def node() -> str:
    return installed()


def test_there_are_stories() -> None:
    assert len(STORIES) == 6


@pytest.mark.parametrize("story", STORIES)
def test_story(shop: Shop, node: str, story: str) -> None:
    keys = shop.project["server_side_key"]
    environment = {
        "PATH": os.environ["PATH"],
        "SDK_URL": shop.server.url,
        "SDK_APP_ID": keys["app_id"],
        "SDK_APP_TOKEN": keys["app_token"],
    }
    result = subprocess.run(
        [node, "campaigns.mjs", story],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
