"""The official JavaScript SDK over vouchers: Node runs the stories of `javascript/vouchers.mjs`."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.running import Server
from tests.sdk.test_javascript_sdk import FOLDER, installed

STORIES = re.findall(r"^  async (\w+)\(\) \{$", (FOLDER / "vouchers.mjs").read_text(), re.M)


@pytest.fixture(scope="module")
def node() -> str:
    return installed()


def test_there_are_stories() -> None:
    assert len(STORIES) == 5


@pytest.mark.parametrize("story", STORIES)
def test_story(server: Server, node: str, story: str) -> None:
    keys = server.project().project["server_side_key"]
    environment = {
        "PATH": os.environ["PATH"],
        "SDK_URL": server.url,
        "SDK_APP_ID": keys["app_id"],
        "SDK_APP_TOKEN": keys["app_token"],
    }
    result = subprocess.run(
        [node, "vouchers.mjs", story],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
