"""Settings, each read from `LARGESSE_<NAME>`; what is unset keeps its default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

PREFIX = "LARGESSE_"
Count = Annotated[int, Meta(ge=0)]
Size = Annotated[int, Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of 0 is off. Sizes are in bytes, times in seconds unless the name says otherwise."""

    data_dir: str = "largesse-data"
    database_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8787
    workers: Size = 2
    background: bool = True
    public_url: str = ""
    trusted_proxies: str = "127.0.0.1"
    access_log: bool = False
    log_level: str = "info"

    project_id: str = ""
    app_id: str = ""
    app_token: str = ""
    client_app_id: str = ""
    client_token: str = ""
    management_id: str = ""
    management_token: str = ""
    client_origins: str = ""

    pool_size: Size = 16
    statement_timeout_ms: Size = 30_000
    total_budget_ms: Size = 50
    max_body: Size = 10 * 1024 * 1024
    rate_limit: Count = 0
    rate_limit_seconds: Size = 60
    bulk_rate_limit: Count = 0
    bulk_rate_limit_seconds: Size = 3600
    client_rate_limit: Count = 0
    client_rate_limit_seconds: Size = 5
    token_seconds: Size = 900
    token_limit: Size = 1000
    idempotency_seconds: Size = 86_400
    report_days: Size = 30
    batch_rows: Size = 1000
    order_items: Size = 500
    campaign_codes: Size = 100_000
    import_orders: Size = 2000
    segments: Size = 100
    segment_customers: Size = 20_000
    segment_refresh_seconds: Size = 600
    redeemables: Size = 30
    group_redemptions: bool = True
    rollback_days: Count = 92
    week_starts_on: Annotated[int, Meta(ge=0, le=6)] = 0
    collections: Size = 100
    collection_products: Size = 20

    @property
    def folder(self) -> Path:
        return Path(self.data_dir).expanduser().resolve()

    @property
    def base_url(self) -> str:
        """Where links in answers lead: the public address, else the one listened on."""
        # Compared with, not listened on.
        anywhere = self.host in ("0.0.0.0", "::")  # noqa: S104
        host = "localhost" if anywhere else f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"


class BadSetting(Exception):
    """A `LARGESSE_*` value that cannot be read; the text names the variable, never its value."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    values = {
        field: environment[PREFIX + field.upper()]
        for field in Settings.__struct_fields__
        if environment.get(PREFIX + field.upper(), "") != ""
    }
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$.")
        name = PREFIX + path.rstrip("`").upper()
        raise BadSetting(f"{name}: {reason[0].lower()}{reason[1:]}") from None


def environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, to hand to a child process."""
    return {
        PREFIX + field.upper(): str(value)
        for field, value in msgspec.structs.asdict(settings).items()
    }
