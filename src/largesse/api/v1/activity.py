"""/v1/customers/{customerId}/activity, and its older form /activities"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from largesse.actions import customers as actions
from largesse.api.lists import Query
from largesse.kit import wire
from largesse.kit.routing import Routes
from largesse.kit.wire import Moment
from largesse.store import events
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.listing import Window

routes = Routes("Customers", scope="customers")

CampaignType = Literal[
    "PROMOTION", "GIFT_VOUCHERS", "REFERRAL_PROGRAM", "DISCOUNT_COUPONS", "LOYALTY_PROGRAM"
]


class Activity(msgspec.Struct):
    """Something that happened to a customer; `group_id` is the request that caused it."""

    id: str
    type: str
    data: dict[str, Any]
    created_at: Instant
    group_id: str


class ActivityQuery(Query, kw_only=True):
    """`category` is ACTION for what the customer did, EFFECT for what the engine did."""

    starting_after_id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    campaign_id: str | None = None
    campaign_type: CampaignType | None = None
    category: Literal["ACTION", "EFFECT"] | None = None
    type: str | None = None
    order: Literal["created_at", "-created_at"] | None = None


class ActivityList(msgspec.Struct, kw_only=True, omit_defaults=True):
    object: str
    data_ref: str
    data: list[Activity]
    has_more: bool
    more_starting_after: str | None = None


def _activities(rows: list[Any]) -> list[Activity]:
    return [
        Activity(
            row["id"], row["type"], row["data"], wire.stamp(row["created_at"]), row["group_id"]
        )
        for row in rows
    ]


@routes.get("/v1/customers/{customerId}/activity", query=ActivityQuery, answer=ActivityList)
async def list_customer_activity(
    ctx: Context, customer_id: str, query: ActivityQuery
) -> ActivityList:
    """List what happened to a customer, the newest first unless `order` says otherwise."""
    customer = await actions.get(ctx, customer_id)
    effects = sorted(events.EFFECTS)
    values = {
        "customer_id": customer["id"],
        "campaign_id": query.campaign_id,
        "campaign_type": query.campaign_type,
        "type": query.type,
        "only": effects if query.category == "EFFECT" else None,
        "but": effects if query.category == "ACTION" else None,
        "start_date": query.start_date,
        "end_date": query.end_date,
    }
    window = Window(limit=query.limit, order=query.order or "", after_id=query.starting_after_id)
    page = await events.ACTIVITY.page(ctx.db, ctx.project_id, values, window)
    return ActivityList(
        object="list",
        data_ref="data",
        data=_activities(page.rows),
        has_more=page.has_more,
        more_starting_after=page.rows[-1]["id"] if page.has_more else None,
    )


class ActivitiesQuery(Query, kw_only=True):
    starting_after: Moment | None = None
    starting_after_id: str | None = None
    campaign_type: CampaignType | None = None
    campaign_id: str | None = None
    product_id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None


class ActivitiesList(msgspec.Struct, kw_only=True):
    object: str = "list"
    data_ref: str = "data"
    data: list[Activity]
    total: int


@routes.get(
    "/v1/customers/{customerId}/activities",
    query=ActivitiesQuery,
    answer=ActivitiesList,
    deprecated=True,
)
async def list_customer_activities(
    ctx: Context, customer_id: str, query: ActivitiesQuery
) -> ActivitiesList:
    """List what happened to a customer, with a total. The older form of `activity`."""
    customer = await actions.get(ctx, customer_id)
    values = {
        "customer_id": customer["id"],
        "campaign_type": query.campaign_type,
        "campaign_id": query.campaign_id,
        "product_id": query.product_id,
        "start_date": query.start_date,
        "end_date": query.end_date,
    }
    window = Window(
        limit=query.limit,
        order=query.order or "",
        after=query.starting_after,
        after_id=query.starting_after_id,
    )
    page = await events.ACTIVITY.page(ctx.db, ctx.project_id, values, window)
    total = await events.ACTIVITY.count(ctx.db, ctx.project_id, values)
    return ActivitiesList(data=_activities(page.rows), total=total)
