"""A checkout that came in the query of an address, member by member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from largesse.actions.checkout_bodies import ContextBody, Name, SessionBody, Text, Unit
from largesse.actions.customers import CustomerBody
from largesse.actions.order_items import ItemBody
from largesse.actions.orders import OrderBody
from largesse.actions.single import VoucherContextBody
from largesse.engine import schemas
from largesse.kit import wire
from largesse.kit.ids import is_id
from largesse.store import definitions
from largesse.store.context import Context


class CheckoutQuery(msgspec.Struct, kw_only=True):
    """A voucher's code, and who would redeem it for what: `item[0][source_id]`, `order[metadata]`,
    `customer[source_id]`, or `customer` alone for an id or a source id. Amounts are in minor units.
    """

    code: Name
    tracking_id: Text | None = None
    amount: int | None = None
    item: dict[str, Any] | None = None
    customer: str | dict[str, Any] | None = None
    order: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    session_type: str | None = None
    session_key: Name | None = None
    session_ttl: float | None = None
    session_ttl_unit: Unit | None = None


class _Parts(msgspec.Struct, kw_only=True):
    """What a query holds of members that have members, by the names that it gives them."""

    item: list[ItemBody] = []
    customer: CustomerBody | None = None
    order: OrderBody | None = None


def puts_aside(query: CheckoutQuery) -> bool:
    """Whether a query wants a session."""
    return any((query.session_type, query.session_key, query.session_ttl, query.session_ttl_unit))


async def context_of(ctx: Context, query: CheckoutQuery) -> VoucherContextBody:
    """The body that a query stands for; metadata become what their schemas make of a text. Raises
    InvalidQueryParams.
    """
    given = {"item": _items(query.item), "customer": _customer(query.customer)}
    members = query.order or {}
    if members or query.amount is not None or given["item"]:
        given["order"] = {"metadata": members.get("metadata")}
    parts = wire.query_members(given, _Parts)
    body = VoucherContextBody(
        tracking_id=query.tracking_id, customer=parts.customer, metadata=query.metadata
    )
    if parts.order is not None:
        parts.order.amount, parts.order.items = query.amount, parts.item or None
        body.order = parts.order
    if puts_aside(query):
        body.session = SessionBody(
            type="LOCK",
            key=query.session_key,
            ttl=query.session_ttl,
            ttl_unit=query.session_ttl_unit,
        )
    await _type(ctx, body)
    return body


def _items(given: Mapping[str, Any] | None) -> list[Any]:
    """Items in the order of their numbers; members without a number are those of one item."""
    if not given:
        return []
    if not all(name.isascii() and name.isdigit() for name in given):
        return [given]
    return [given[name] for name in sorted(given, key=int)]


def _customer(given: str | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Who is named by a text alone is named by an id, or else by a source id."""
    if given is None:
        return None
    members = {"": given} if isinstance(given, str) else dict(given)
    if name := members.pop("", None):
        members.setdefault("id" if is_id(name, "cust_") else "source_id", name)
    return members


async def _type(ctx: Context, body: ContextBody) -> None:
    """Makes of texts what the project's schemas say that metadata are."""
    described: list[tuple[str, Any]] = [
        ("redemption", body),
        ("customer", body.customer),
        ("order", body.order),
    ]
    described += [("order_item", item) for item in (body.order and body.order.items) or []]
    if not any(part is not None and part.metadata for _, part in described):
        return
    known = await definitions.current(ctx.db, ctx.project_id)
    for noun, part in described:
        schema = known.schemas.get(noun)
        if part is not None and part.metadata and schema is not None:
            part.metadata = {
                key: schemas.from_text(schema, key, value) if isinstance(value, str) else value
                for key, value in part.metadata.items()
            }
