"""Stories that Node tells with the official JavaScript SDK: the functions of a file of them."""

from __future__ import annotations

import os
import re
import subprocess

from tests.running import Shop
from tests.sdk.test_javascript_sdk import FOLDER


def stories(file: str) -> list[str]:
    """The names of a file's stories."""
    return re.findall(r"^  async (\w+)\(\) \{$", (FOLDER / file).read_text(), re.M)


def tell(node: str, file: str, story: str, shop: Shop) -> None:
    """Runs a story with the keys of a shop."""
    keys, client_keys = shop.project["server_side_key"], shop.project["client_side_key"]
    environment = {
        "PATH": os.environ["PATH"],
        "SDK_URL": shop.server.url,
        "SDK_APP_ID": keys["app_id"],
        "SDK_APP_TOKEN": keys["app_token"],
        "SDK_CLIENT_APP_ID": client_keys["app_id"],
        "SDK_CLIENT_TOKEN": client_keys["app_token"],
    }
    result = subprocess.run(
        [node, file, story], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
