"""The examples of the quick start, run as they stand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from largesse.kit.settings import Settings
from tests.running import Shop
from tests.sdk.test_javascript_sdk import MODULES, installed

EXAMPLES = Path(__file__).parents[2] / "examples"


def command(name: str, folder: Path) -> list[str]:
    """What runs an example in a folder of its own; skips the test where that is not at hand."""
    example = shutil.copy(EXAMPLES / name, folder)
    if name.endswith(".py"):
        return [sys.executable, example]
    if name.endswith(".mjs"):
        node = installed()
        (folder / "node_modules").symlink_to(MODULES)
        return [node, example]
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    return [example]


def run(name: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs an example, with `url=...` as LARGESSE_URL and so on."""
    given = {f"LARGESSE_{setting.upper()}": value for setting, value in settings.items()}
    return subprocess.run(
        command(name, folder),
        env={"PATH": os.environ["PATH"]} | given,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("create_customer.*")))
def test_create_customer(shop: Shop, name: str, tmp_path: Path) -> None:
    key = shop.project["server_side_key"]
    ran = run(name, tmp_path, url=shop.server.url, **key)
    assert (ran.returncode, ran.stderr) == (0, "")
    (customer,) = shop.api.get("/v1/customers").json()["customers"]
    assert customer["source_id"] == "ann"
    assert customer["name"] == "Ann Example"
    assert customer["email"] == "ann@example.com"
    assert customer["metadata"] == {"vip": True}
    assert customer["id"] in ran.stdout
    assert "Ann Example" in ran.stdout


def test_checkout(shop: Shop, tmp_path: Path) -> None:
    key = shop.project["server_side_key"]
    ran = run("checkout.sh", tmp_path, url=shop.server.url, **key)
    assert (ran.returncode, ran.stderr) == (0, "")
    created, validated, redeemed, customer, rolled_back = map(json.loads, ran.stdout.splitlines())
    assert created["code"] == "SPRING"
    assert (validated["valid"], validated["order"]["total_amount"]) == (True, 2000)
    assert redeemed["order"]["total_discount_amount"] == 500
    assert customer["summary"]["orders"]["total_amount"] == 2000
    assert rolled_back["redemption"] == redeemed["redemptions"][0]["id"]
    assert rolled_back["order"]["total_amount"] == 2500
    assert shop.api.get("/v1/vouchers/SPRING").json()["redemption"]["redeemed_quantity"] == 0


def test_curl_tells_of_a_refusal(shop: Shop, tmp_path: Path) -> None:
    key = {**shop.project["server_side_key"], "app_token": "wrong"}
    ran = run("create_customer.sh", tmp_path, url=shop.server.url, **key)
    assert ran.returncode != 0
    assert '"key":"unauthorized"' in ran.stdout
    assert "401" in ran.stderr


def test_there_is_one_for_each_client() -> None:
    assert {path.suffix for path in EXAMPLES.glob("create_customer.*")} == {".sh", ".py", ".mjs"}


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("create_customer.*")), ids=lambda path: path.name
)
def test_the_default_address(path: Path) -> None:
    """The one that `make run` listens on."""
    assert f"http://{Settings().host}:{Settings().port}" in path.read_text()
