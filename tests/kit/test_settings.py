from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from largesse.kit.settings import BadSetting, Settings, environment, load


def test_what_is_unset_keeps_its_default() -> None:
    found = load({"PATH": "/bin", "LARGESSE_UNKNOWN": "x"})
    assert found == Settings()
    assert found.host == "127.0.0.1"
    assert found.port == 8787
    assert found.workers == 2
    assert found.max_body == 10_485_760
    assert found.rate_limit == found.bulk_rate_limit == found.client_rate_limit == 0
    assert found.client_rate_limit_seconds == 5
    assert found.token_seconds == 900
    assert found.token_limit == 1000
    assert found.background is True
    assert found.access_log is False


def test_an_empty_variable_is_unset() -> None:
    assert load({"LARGESSE_PORT": "", "LARGESSE_HOST": "", "LARGESSE_APP_ID": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "field", "expected"),
    [
        ("LARGESSE_PORT", "0", "port", 0),
        ("LARGESSE_PORT", "65535", "port", 65535),
        ("LARGESSE_WORKERS", "1", "workers", 1),
        ("LARGESSE_RATE_LIMIT", "0", "rate_limit", 0),
        ("LARGESSE_BACKGROUND", "false", "background", False),
        ("LARGESSE_BACKGROUND", "False", "background", False),
        ("LARGESSE_BACKGROUND", "0", "background", False),
        ("LARGESSE_ACCESS_LOG", "1", "access_log", True),
        ("LARGESSE_ACCESS_LOG", "true", "access_log", True),
        ("LARGESSE_APP_TOKEN", " s3cret ü ", "app_token", " s3cret ü "),
        ("LARGESSE_APP_ID", "5", "app_id", "5"),
    ],
)
def test_a_variable_is_read(variable: str, value: str, field: str, expected: Any) -> None:
    found = load({variable: value})
    assert found == msgspec.structs.replace(Settings(), **{field: expected})


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("LARGESSE_PORT", "s3cret", "LARGESSE_PORT: expected `int`, got `str`"),
        ("LARGESSE_PORT", "65536", "LARGESSE_PORT: expected `int` <= 65535"),
        ("LARGESSE_PORT", "-1", "LARGESSE_PORT: expected `int` >= 0"),
        ("LARGESSE_WORKERS", "0", "LARGESSE_WORKERS: expected `int` >= 1"),
        ("LARGESSE_MAX_BODY", "10MB", "LARGESSE_MAX_BODY: expected `int`, got `str`"),
        ("LARGESSE_MAX_BODY", "1.5", "LARGESSE_MAX_BODY: expected `int`, got `str`"),
        ("LARGESSE_RATE_LIMIT", "-1", "LARGESSE_RATE_LIMIT: expected `int` >= 0"),
        ("LARGESSE_BACKGROUND", "s3cret", "LARGESSE_BACKGROUND: expected `bool`, got `str`"),
    ],
)
def test_a_wrong_value_names_its_variable_and_not_itself(
    variable: str, value: str, expected: str
) -> None:
    with pytest.raises(BadSetting) as caught:
        load({variable: value})
    assert str(caught.value) == expected
    assert "s3cret" not in str(caught.value)


TEXT = st.text(alphabet=st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1)


@given(
    st.builds(
        Settings,
        data_dir=TEXT,
        host=TEXT,
        port=st.integers(0, 65535),
        workers=st.integers(1, 1000),
        background=st.booleans(),
        app_token=TEXT,
        max_body=st.integers(1, 2**40),
        rate_limit=st.integers(0, 2**40),
    )
)
def test_a_child_reads_what_its_parent_had(settings: Settings) -> None:
    assert load(environment(settings)) == settings


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "http://127.0.0.1:8787"),
        ({"host": "0.0.0.0", "port": 80}, "http://localhost:80"),
        ({"host": "::1"}, "http://[::1]:8787"),
        ({"public_url": "https://promo.example"}, "https://promo.example"),
        ({"public_url": "https://promo.example/largesse/"}, "https://promo.example/largesse"),
    ],
)
def test_links_lead_to_the_public_address(values: dict[str, Any], expected: str) -> None:
    assert Settings(**values).base_url == expected


def test_the_folder_is_an_absolute_path() -> None:
    assert Settings(data_dir="data").folder == Path.cwd() / "data"
    assert Settings(data_dir="~/data").folder == Path.home() / "data"
    assert Settings(data_dir="/a/b").folder == Path("/a/b")
