"""What the tests of formulas evaluate them with: one order, one customer, one voucher."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import UNSET
from msgspec.structs import replace

from largesse.engine import formula
from largesse.engine.calendar import Clock
from largesse.engine.formula import Customer, Order, Scope, Tier, Voucher
from largesse.engine.lines import Line
from largesse.engine.orders import Item, Sold


def line(price: int | None, quantity: int = 1, discount: int = 0, **metadata: Any) -> Line:
    """A line whose product has the `category` among its metadata, it itself the rest."""
    product = {"category": metadata.pop("category")} if "category" in metadata else UNSET
    return Line(
        index=0,
        price=price,
        quantity=quantity,
        amount=(price or 0) * quantity,
        discount_amount=discount,
        item=Item(
            metadata=metadata or UNSET,
            product=Sold(metadata=product) if product is not UNSET else UNSET,
        ),
    )


SHIRT = line(600, 3, 300, Size="M", category="shirts")
HAT = line(1000, 2, Size="L")
TENT = line(25_050, 1, 50, category="tents")
SCOPE = Scope(
    # In Warsaw it is the 24th already.
    Clock(datetime(2026, 11, 23, 23, 30, tzinfo=UTC), ZoneInfo("Europe/Warsaw")),
    order=Order(
        28_500,
        (SHIRT, HAT, TENT),
        {"day_of_week": 5, "store_city": "New York", "tags": ["a", 7, True, None, {}, [1]]},
    ),
    item=SHIRT,
    customer=Customer(
        {
            "number_of_store_visits": 12,
            "customer_life_time_value": 75.55,
            "tier": "VIP",
            "favorite_brands": ["Nike", "Puma"],
            "joined": "2026-01-31",
            "seen": "2026-11-20T23:30:00Z",
            "newsletter": True,
            "age": 33,
            "digits": "07",
            "nothing": None,
            "address": {"city": "York"},
        },
        date(1996, 2, 29),
    ),
    voucher=Voucher(
        redemption_quantity=10,
        redeemed_quantity=4,
        publish_count=1,
        start_date=datetime(2026, 11, 1, 23, 30, tzinfo=UTC),
    ),
    tier=Tier(expiration_date=datetime(2026, 12, 31, tzinfo=UTC)),
    redeemable_metadata={"membership_duration": 24},
    redemption_metadata={"store_list": 9},
    publication_metadata={"year": 2026},
    bundles=2,
)


def number(text: str, **customer: Any) -> Decimal | None:
    """What a formula comes to, for a customer with these metadata besides."""
    metadata = {**SCOPE.customer.metadata, **customer}
    scope = replace(SCOPE, customer=replace(SCOPE.customer, metadata=metadata))
    return formula.read(text).value(scope)


def holds(condition: str) -> bool | None:
    """Whether a condition is met; None where it cannot be evaluated."""
    found = number(f"IF({condition};1;0)")
    return None if found is None else bool(found)
