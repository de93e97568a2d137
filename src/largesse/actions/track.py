"""What is done with a custom event."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from largesse.actions import customers, metadata, segments
from largesse.actions.customers import CustomerBody, SimpleCustomer
from largesse.engine import schemas
from largesse.kit import wire
from largesse.kit.errors import InvalidPayload, MetadataInvalid
from largesse.store import custom_events, definitions
from largesse.store.context import Context
from largesse.store.custom_events import CustomEvent
from largesse.store.definitions import Definitions
from largesse.store.events import Event

EventName = Annotated[str, Meta(min_length=1, max_length=300)]
Code = Annotated[str, Meta(min_length=1, max_length=255)]


class ReferralBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The code through which the customer came, and who gave it to them."""

    code: Code
    referrer_id: Code | None = None


class LoyaltyBody(msgspec.Struct, kw_only=True):
    """The loyalty card that the event is for."""

    code: Code


class EventBody(msgspec.Struct, kw_only=True):
    """Something that a customer did; they are created or updated as the body says."""

    event: EventName
    customer: CustomerBody
    referral: ReferralBody | None = None
    loyalty: LoyaltyBody | None = None
    metadata: dict[str, Any] | None = None


class Tracked(msgspec.Struct, kw_only=True):
    """A custom event as it is answered."""

    object: str = "event"
    type: str
    customer: SimpleCustomer
    referral: ReferralBody | None
    loyalty: LoyaltyBody | None
    metadata: dict[str, Any]


async def track(ctx: Context, body: EventBody) -> Tracked:
    """Stores a custom event, and lets the customer enter and leave segments by it. Raises NotFound
    for a customer's id that nobody has, MetadataInvalid.
    """
    given = {key: value for key, value in (body.metadata or {}).items() if value is not None}
    kept, _ = metadata.patch(given)
    customer = await customers.mention(ctx, body.customer)
    if customer is None:
        raise InvalidPayload("Property .customer should have an id or a source id")
    known = await definitions.numbered(ctx.db, ctx.project_id, customer["definitions"])
    await _know(ctx, known, body.event, given)
    event = CustomEvent(
        id=ctx.new_id("event_"),
        type=body.event,
        customer_id=customer["id"],
        metadata=kept,
        referral=_json(body.referral),
        loyalty=_json(body.loyalty),
    )
    await custom_events.record(ctx.db, ctx.project_id, event, ctx.now)
    tracked = Tracked(
        type=body.event,
        customer=customers.simple(customer),
        referral=body.referral,
        loyalty=body.loyalty,
        metadata=given,
    )
    told = msgspec.to_builtins(tracked, enc_hook=bytes) | {
        "id": event.id,
        "customer": tracked.customer,
        "created_at": wire.stamp(ctx.now),
    }
    data = wire.encode({"customer": tracked.customer, "custom_event": told}).decode()
    await ctx.emit([Event("customer.custom_event", data, customer_id=customer["id"])])
    await segments.settle(ctx, known, [customer])
    return tracked


async def _know(ctx: Context, known: Definitions, name: str, given: dict[str, Any]) -> None:
    """Holds the metadata against the event's schema; an event that is new joins the list."""
    schema = known.events.get(name)
    if schema is not None:
        details = schemas.violations(schema, {}, given, whole=True)
        if details is not None:
            raise MetadataInvalid(details)
        return
    learned = await ctx.db.fetchval(
        custom_events.LEARN, ctx.project_id, ctx.new_id("ms_"), name, ctx.now
    )
    if learned is not None:
        await definitions.bump(ctx.db, ctx.project_id)


def _json(value: Any) -> str | None:
    return None if value is None else wire.encode(value).decode()
