"""Who buys: the customer that a checkout names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from largesse.actions import metadata
from largesse.actions.checkout_bodies import ContextBody
from largesse.actions.customers import AddressBody, CustomerBody
from largesse.kit import auth
from largesse.kit.db import Row
from largesse.kit.errors import AmbiguousTrackingId, NotFound
from largesse.store import customers as customer_store
from largesse.store.context import Context


def buyer(ctx: Context, body: ContextBody) -> CustomerBody | None:
    """Who buys, as the request says: its customer, else its order's, else whom it tracks. Raises
    AmbiguousTrackingId where it says it in two ways that disagree.
    """
    people = _people(ctx, body)
    for name in ("id", "source_id"):
        names = list(dict.fromkeys(filter(None, (getattr(person, name) for person in people))))
        if len(names) > 1:
            raise AmbiguousTrackingId.of(*names[:2])
    named = [person for person in people if person.id or person.source_id]
    tracked = _name(ctx, body.tracking_id)
    if not people and tracked is not None and not tracked.startswith(_TRACK):
        return CustomerBody(source_id=tracked)
    return next(iter(named or people), None)


def agree(ctx: Context, body: ContextBody, customer: Mapping[str, Any] | None) -> None:
    """Raises AmbiguousTrackingId where a request names somebody else beside the one who buys."""
    if customer is None:
        return
    for person in _people(ctx, body):
        name = "id" if person.id else "source_id"
        given = getattr(person, name)
        if given and given != customer[name]:
            raise AmbiguousTrackingId.of(given, customer[name] or customer["id"])


def _people(ctx: Context, body: ContextBody) -> list[CustomerBody]:
    given = [body.customer]
    if body.order is not None:
        given.append(body.order.customer)
        if body.order.customer_id:
            given.append(CustomerBody(id=body.order.customer_id))
    people = [person for person in given if person is not None]
    for person in people:
        person.source_id = _name(ctx, person.source_id)
    return people


def tracking_id(ctx: Context, body: ContextBody, customer: Mapping[str, Any] | None) -> str | None:
    """What a customer is called where their name shall not be told: the same for the same one.
    Raises AmbiguousTrackingId where the request tracks somebody else.
    """
    given = body.tracking_id
    name = None if customer is None else customer["source_id"] or customer["id"]
    if name is None:
        return given if given is None or given.startswith(_TRACK) else _track(ctx, given)
    known = _track(ctx, name)
    if given is not None and _name(ctx, given) not in (known, name):
        raise AmbiguousTrackingId.of(given, name)
    return known


def stranger(ctx: Context) -> str:
    """A tracking id for somebody of whom nothing is known: a new one each time."""
    return _track(ctx, ctx.noise(12).hex())


_TRACK = "track_"


def _track(ctx: Context, name: str) -> str:
    return _TRACK + auth.seal(ctx.project.link_secret, "track", name)


def _name(ctx: Context, source_id: str | None) -> str | None:
    """A source id, where it may have been tracked as well."""
    if source_id is None or not source_id.startswith(_TRACK):
        return source_id
    sealed = source_id.removeprefix(_TRACK)
    return auth.unseal(ctx.project.link_secret, "track", sealed) or source_id


def is_told(body: CustomerBody) -> bool:
    """Whether a body says anything of a customer at all."""
    return any(value not in (None, UNSET) for value in msgspec.structs.astuple(body))


async def look(ctx: Context, body_: ContextBody, order: Row | None) -> Mapping[str, Any] | None:
    """The columns of who buys, with what the request says of them over what is stored; nothing is
    written. Raises NotFound for an id that nobody has.
    """
    body = buyer(ctx, body_)
    if body is None and order is not None and order["customer_id"]:
        body = CustomerBody(id=order["customer_id"])
    if body is None:
        return None
    if not is_told(body):
        return None
    row = None
    if name := body.id or body.source_id:
        row = await customer_store.find(ctx.db, ctx.project_id, name)
    if row is None and body.id:
        raise NotFound.of("customer", body.id)
    columns = dict(row or customer_store.blank(body.source_id or "", ctx.now))
    if row is None and not body.source_id:
        columns["source_id"] = None
    agree(ctx, body_, columns)
    return columns | _said(body, columns)


def _said(body: CustomerBody, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a body speaks of, as they would be once it was written."""
    said: dict[str, Any] = {
        field: getattr(body, field)
        for field in ("name", "description", "email", "phone", "birthday", "birthdate")
        if getattr(body, field) is not None
    }
    if isinstance(body.address, AddressBody):
        for part, value in msgspec.structs.asdict(body.address).items():
            if value is not None:
                said[f"address_{part}"] = value
    if body.metadata:
        kept, gone = metadata.patch(body.metadata)
        stored = msgspec.json.decode(bytes(columns["metadata"]))
        merged = {key: value for key, value in stored.items() if key not in gone}
        merged |= msgspec.json.decode(kept)
        said["metadata"] = msgspec.Raw(msgspec.json.encode(merged))
    return said
