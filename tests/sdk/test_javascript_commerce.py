"""The official JavaScript SDK over products, orders, events and segments: Node runs the stories of
`javascript/products.mjs`.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.running import Server
from tests.sdk.test_javascript_sdk import FOLDER, installed

STORIES = re.findall(r"^  async (\w+)\(\) \{$", (FOLDER / "products.mjs").read_text(), re.M)


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
    keys, client_keys = shop.project["server_side_key"], shop.project["client_side_key"]
    environment = {
        "PATH": os.environ["PATH"],
        "SDK_URL": server.url,
        "SDK_APP_ID": keys["app_id"],
        "SDK_APP_TOKEN": keys["app_token"],
        "SDK_CLIENT_APP_ID": client_keys["app_id"],
        "SDK_CLIENT_TOKEN": client_keys["app_token"],
    }
    result = subprocess.run(
        [node, "products.mjs", story],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
