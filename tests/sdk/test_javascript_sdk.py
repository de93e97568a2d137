"""The official JavaScript SDK as a client: Node runs the stories of `javascript/customers.mjs`."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.running import Server

FOLDER = Path(__file__).parent / "javascript"
MODULES = FOLDER / "node_modules"
STORIES = re.findall(r"^  async (\w+)\(\) \{$", (FOLDER / "customers.mjs").read_text(), re.M)
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


def installed() -> str:
    """Installs the SDK where that was not done yet; the path of Node. Skips the test where Node is
    missing, or the SDK cannot be fetched.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs Node.js: node and npm are not on the PATH")
    mark = MODULES / ".package-lock.json"
    if mark.exists() and mark.stat().st_mtime >= (FOLDER / "package-lock.json").stat().st_mtime:
        return node
    result = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=240,
    )
    if result.returncode and any(code in result.stderr for code in UNREACHABLE):
        pytest.skip("needs the npm registry once, to install the SDK, and cannot reach it")
    assert result.returncode == 0, result.stderr
    return node


@pytest.fixture(scope="session")
def node() -> str:
    return installed()


def test_there_are_stories() -> None:
    assert len(STORIES) == 13


def test_the_lock_names_no_registry() -> None:
    """So that it installs from whichever registry npm is set up for."""
    text = (FOLDER / "package-lock.json").read_text()
    assert "resolved" not in text
    assert "registry" not in text
    assert text.count('"integrity"') == text.count('"node_modules/') > 0


@pytest.mark.parametrize("story", STORIES)
def test_story(server: Server, node: str, story: str) -> None:
    shop = server.project(
        client_trusted_domains=["https://shop.example"], client_create_customer_enabled=True
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
        [node, "customers.mjs", story],
        cwd=FOLDER,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
