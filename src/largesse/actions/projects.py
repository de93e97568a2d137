"""Projects and their keys: made, changed, deleted; the first of them at the first start."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from largesse.engine import metadata
from largesse.kit import auth, ids
from largesse.kit.db import Db
from largesse.kit.errors import InvalidPayload, NotFound
from largesse.kit.logs import log
from largesse.kit.settings import BadSetting, Settings
from largesse.store import keys, projects
from largesse.store.context import Context
from largesse.store.keys import Key
from largesse.store.projects import Project

Text = Annotated[str, Meta(max_length=255)]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
BOTH_CASES = DIGITS + LETTERS + LETTERS.lower()
ONE_CASE = DIGITS + LETTERS


class CodeConfigBody(msgspec.Struct):
    """The characters that voucher codes are made of unless a campaign says otherwise."""

    charset: Annotated[str, Meta(min_length=1, max_length=255)]


class UserBody(msgspec.Struct):
    role: str
    id: str | None = None
    login: str | None = None


class ProjectChanges(msgspec.Struct, kw_only=True):
    """A project's settings; those that are not sent stay as they are."""

    name: Text | None = None
    description: str | None = None
    timezone: Text | None = None
    currency: Text | None = None
    dial_code: Text | None = None
    webhook_version: Text | None = None
    client_trusted_domains: list[Text] | None = None
    client_redeem_enabled: bool | None = None
    client_publish_enabled: bool | None = None
    client_list_vouchers_enabled: bool | None = None
    client_create_customer_enabled: bool | None = None
    client_loyalty_events_enabled: bool | None = None
    client_set_voucher_expiration_date_enabled: bool | None = None
    api_usage_notifications: dict[str, Any] | None = None
    webhooks_callout_notifications: dict[str, Any] | None = None
    default_code_config: CodeConfigBody | None = None


class ProjectBody(ProjectChanges, kw_only=True):
    """A project to create. Whether codes are case-sensitive never changes afterwards."""

    case_sensitive_codes: bool | None = None
    cluster_id: Text | None = None
    api_version: Text | None = None
    users: list[UserBody] | None = None


class KeyPair(msgspec.Struct):
    """A key's id and its secret, which is shown this once."""

    app_id: str
    app_token: str


class ProjectAnswer(msgspec.Struct, kw_only=True):
    """A project. The two keys are there in the answer to its creation alone."""

    id: str
    name: str
    description: str | UnsetType
    currency: str
    timezone: str
    dial_code: str | None
    cluster_id: str
    api_version: str
    case_sensitive_codes: bool
    client_trusted_domains: list[str]
    client_redeem_enabled: bool
    client_publish_enabled: bool
    client_list_vouchers_enabled: bool
    client_create_customer_enabled: bool
    client_loyalty_events_enabled: bool
    client_set_voucher_expiration_date_enabled: bool
    api_usage_notifications: dict[str, Any] | UnsetType
    webhooks_callout_notifications: dict[str, Any] | UnsetType
    is_sandbox: bool
    default_code_config: dict[str, Any]
    webhook_version: str
    webhook_token: str
    server_side_key: KeyPair | UnsetType = UNSET
    client_side_key: KeyPair | UnsetType = UNSET


def answer(project: Project) -> ProjectAnswer:
    """A project as it is answered, without what is nobody else's business."""
    values = {
        name: getattr(project, name)
        for name in ProjectAnswer.__struct_fields__
        if hasattr(project, name)
    }
    for name in ("description", "api_usage_notifications", "webhooks_callout_notifications"):
        if values[name] is None:
            values[name] = UNSET
    return ProjectAnswer(**values)


# --- settings -----------------------------------------------------------------------------------

_OFFSET = re.compile(r"(?:GMT|UTC)([+-])([0-9]{1,2})\Z")


def zone_name(text: str) -> str:
    """An IANA name, or `GMT+2` as the zone that is two hours ahead. Raises InvalidPayload."""
    if offset := _OFFSET.match(text):
        # In the zones named Etc/GMT the sign points the other way.
        text = f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise InvalidPayload("Property .timezone should be a GMT offset or an IANA zone") from None
    return text


def _settings(body: ProjectChanges) -> dict[str, Any]:
    """The settings that were sent, checked. Raises InvalidPayload."""
    values = {
        name: getattr(body, name) for name in projects.CHANGEABLE if getattr(body, name) is not None
    }
    for name in ("api_usage_notifications", "webhooks_callout_notifications"):
        if name in values and (found := metadata.flaw(values[name], f".{name}")):
            raise InvalidPayload(found)
    if "timezone" in values:
        values["timezone"] = zone_name(values["timezone"])
    if "currency" in values and not re.fullmatch(r"[A-Z]{3}", values["currency"]):
        raise InvalidPayload("Property .currency should be a 3-letter ISO 4217 code")
    if values.get("webhook_version", "v2024-01-01") != "v2024-01-01":
        raise InvalidPayload("Property .webhook_version should be equal to 'v2024-01-01'")
    if values.get("name") == "":
        raise InvalidPayload("Property .name should NOT be shorter than 1 characters")
    if body.default_code_config is not None:
        values["default_code_config"] = {"charset": body.default_code_config.charset}
    return values


def _new_project(project_id: str, now: datetime, values: dict[str, Any]) -> Project:
    sensitive = values.get("case_sensitive_codes", True)
    charset = BOTH_CASES if sensitive else ONE_CASE
    return Project(
        id=project_id,
        webhook_token=ids.base62(40),
        link_secret=ids.key(),
        created_at=now,
        **{"default_code_config": {"charset": charset}, **values},
    )


async def create(ctx: Context, body: ProjectBody) -> ProjectAnswer:
    """A project with a server key and a client key. Raises InvalidPayload, and NotFound for a user
    who does not exist.
    """
    values = _settings(body)
    if "name" not in values:
        raise InvalidPayload("Payload should have required property 'name'")
    if body.api_version not in (None, "v2018-08-01"):
        raise InvalidPayload("Property .api_version should be equal to 'v2018-08-01'")
    for user in body.users or []:
        raise NotFound.of("user", user.id or user.login or "")
    if body.case_sensitive_codes is not None:
        values["case_sensitive_codes"] = body.case_sensitive_codes
    if body.cluster_id:
        values["cluster_id"] = body.cluster_id
    project = _new_project(ctx.new_id("proj_"), ctx.now, values)
    await ctx.db.execute(projects.INSERT, *projects.arguments(project))
    result = answer(project)
    result.server_side_key = await _new_key(ctx.db, project.id, auth.SERVER, ctx.now)
    result.client_side_key = await _new_key(ctx.db, project.id, auth.CLIENT, ctx.now)
    return result


async def _new_key(db: Db, project_id: str, kind: str, now: datetime) -> KeyPair:
    pair = KeyPair(ids.app_id(), ids.secret())
    await keys.insert(
        db,
        Key(
            pair.app_id, project_id, kind, "first", auth.hash_secret(pair.app_token), [], False, now
        ),
    )
    return pair


async def get(ctx: Context, project_id: str) -> Project:
    """Raises NotFound."""
    project = await projects.get(ctx.db, project_id)
    if project is None:
        raise _unknown(project_id)
    return project


def _unknown(project_id: str) -> NotFound:
    return NotFound(f"Cannot find project with id {project_id}")


async def update(ctx: Context, project_id: str, body: ProjectChanges) -> ProjectAnswer:
    """Changes the settings that were sent. Raises NotFound."""
    if await ctx.db.fetchval(projects.LOCK, project_id) is None:
        raise _unknown(project_id)
    known = await get(ctx, project_id)
    changed = msgspec.structs.replace(known, **_settings(body))
    values = projects.arguments(changed, projects.CHANGEABLE)
    row = await ctx.db.fetchrow(projects.UPDATE, project_id, *values)
    assert row is not None
    return answer(projects.of(row))


async def delete(ctx: Context, project_id: str) -> None:
    """Ends a project: its keys and tokens die with it, its data is cleared away afterwards."""
    if await ctx.db.fetchval(projects.MARK_DELETED, project_id, ctx.now) is None:
        raise _unknown(project_id)
    await ctx.db.execute(keys.DELETE_OF_PROJECT, project_id)


async def clear_away(db: Db, project_id: str, portion: int, now: datetime) -> bool:
    """Deletes a portion of what a deleted project left; True when nothing is left for now. The
    project itself stays marked for an hour, for what requests in flight may still have written.
    """
    for statement in projects.PURGES.values():
        if await db.execute(statement, project_id, portion) != "DELETE 0":
            return False
    await db.execute(projects.DELETE, project_id, now - timedelta(hours=1))
    return True


# --- keys, from the command line ----------------------------------------------------------------


def networks(entries: Sequence[str]) -> list[str]:
    """Addresses and networks, checked. Raises ValueError."""
    return [str(ipaddress.ip_network(entry.strip())) for entry in entries if entry.strip()]


async def create_key(
    db: Db, kind: str, project_id: str | None, name: str, ips: list[str], now: datetime
) -> KeyPair:
    """Raises NotFound for an unknown project."""
    if kind != auth.MANAGEMENT and (
        project_id is None or await projects.get(db, project_id) is None
    ):
        raise _unknown(project_id or "")
    pair = KeyPair(ids.app_id(), ids.secret())
    owner = None if kind == auth.MANAGEMENT else project_id
    hashed = auth.hash_secret(pair.app_token)
    await keys.insert(db, Key(pair.app_id, owner, kind, name, hashed, ips, False, now))
    return pair


async def delete_key(db: Db, key_id: str) -> bool:
    """Deletes a key and its tokens; whether there was one."""
    row = await db.fetchrow(keys.DELETE, key_id)
    if row is not None and row["project_id"] is not None:
        await db.execute(keys.DELETE_TOKENS_OF_KEY, row["project_id"], key_id)
    return row is not None


async def regenerate_key(db: Db, key_id: str) -> KeyPair | None:
    """A new secret for a key; its tokens live on. None for an unknown key."""
    pair = KeyPair(key_id, ids.secret())
    if await db.fetchrow(keys.SET_SECRET, key_id, auth.hash_secret(pair.app_token)) is None:
        return None
    return pair


# --- the first start ----------------------------------------------------------------------------


class FirstKeys(msgspec.Struct):
    """What the first start made, to be shown once."""

    project_id: str
    app_id: str
    app_token: str
    client_app_id: str
    client_token: str
    management_id: str
    management_token: str


_PROJECT_ID = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")


async def bootstrap(db: Db, settings: Settings, now: datetime) -> FirstKeys | None:
    """Makes the first project where there is none, and lets in the keys that the settings name.

    What the settings leave open is generated; the answer, where a project was made, holds it all.
    """
    made = None
    await db.execute(projects.LOCK_ALL)
    project_id = settings.project_id
    if project_id and not _PROJECT_ID.match(project_id):
        raise BadSetting("LARGESSE_PROJECT_ID: letters, digits, '-' and '_', at most 64")
    if await db.fetchval(projects.ANY) is None:
        project_id = project_id or "proj_" + ids.base62(8)
        origins = [origin.strip() for origin in settings.client_origins.split(",")]
        values = {
            "name": "First project",
            "client_trusted_domains": [origin for origin in origins if origin],
        }
        await db.execute(
            projects.INSERT, *projects.arguments(_new_project(project_id, now, values))
        )
        made = FirstKeys(
            project_id,
            settings.app_id or ids.app_id(),
            settings.app_token or ids.secret(),
            settings.client_app_id or ids.app_id(),
            settings.client_token or ids.secret(),
            settings.management_id or ids.app_id(),
            settings.management_token or ids.secret(),
        )
    given = made or settings
    if not project_id:
        living = [row["id"] for row in await db.fetch(projects.LIVING)]
        project_id = living[0] if len(living) == 1 else ""
    for kind, key_id, secret in (
        (auth.SERVER, given.app_id, given.app_token),
        (auth.CLIENT, given.client_app_id, given.client_token),
        (auth.MANAGEMENT, given.management_id, given.management_token),
    ):
        if key_id and secret:
            await _let_in(db, kind, key_id, secret, project_id, now)
    return made


async def _let_in(
    db: Db, kind: str, key_id: str, secret: str, project_id: str, now: datetime
) -> None:
    """Makes sure that a key of the settings works. Raises BadSetting where it cannot be told which
    project it is for.
    """
    row = await db.fetchrow(keys.GET, key_id)
    if row is not None:
        if not auth.same_secret(secret, row["secret_hash"]):
            await db.execute(keys.SET_SECRET, key_id, auth.hash_secret(secret))
        return
    owner = None if kind == auth.MANAGEMENT else project_id
    if owner == "":
        raise BadSetting("LARGESSE_PROJECT_ID: there are several projects; name one of them")
    if owner is not None and await projects.get(db, owner) is None:
        # It was deleted since; a key without a project would open nothing.
        log.warning("the project of the settings is gone", project=owner)
        return
    hashed = auth.hash_secret(secret)
    await keys.insert(db, Key(key_id, owner, kind, "settings", hashed, [], False, now))
