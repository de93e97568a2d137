"""What a decision stands on: what all redeemables of a request share, what those before left, and
what came of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import UNSET

from largesse.engine.applicability import Entry
from largesse.engine.bundles import Bundle
from largesse.engine.calculation import DISCOUNTED_AMOUNT
from largesse.engine.calendar import Clock
from largesse.engine.counters import Measure
from largesse.engine.discounts import Discount
from largesse.engine.judging import Judged
from largesse.engine.lines import Cart, Collections
from largesse.engine.refusals import Refusal
from largesse.engine.rule_facts import CustomerFacts, Metadata, OrderFacts
from largesse.engine.units import Catalog


class Basis(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all redeemables of one request share. `cart` is None without an order; `counters` are
    the rows that `incentives.tallies` and `budgets` name, those at 0 left out. Rules named in
    `unseen` are passed unseen. Without `needs_bundle` or `needs_items` a discount is not refused
    where the order lacks what it is for, but takes nothing off. What does not `spend` a card says
    neither how many credits of it nor on which reward. `seen` is the cart as rules see it, where
    that was worked out before.
    """

    clock: Clock
    cart: Cart | None = None
    order_metadata: Metadata = {}
    customer: CustomerFacts | None = None
    birthdate: date | None = None
    metadata: Metadata = {}
    api_key: str | None = None
    collections: Collections = {}
    catalog: Catalog = {}
    counters: Mapping[str, int] = {}
    week_starts_on: int = 0
    unseen: frozenset[str] = frozenset()
    explain: bool = False
    needs_bundle: bool = True
    needs_items: bool = True
    spends: bool = True
    seen: OrderFacts | None = None


class Situation(msgspec.Struct, kw_only=True):
    """What stands before a redeemable: the cart that those before it left, what they moved and what
    they added to the sums of their campaigns, the lines that none may discount again, and whose
    order is counted already.
    """

    cart: Cart | None
    moved: dict[str, int] = {}
    sums: dict[str, dict[Measure, int]] = {}
    closed: frozenset[int] = frozenset()
    ordered: set[str] = set()
    mode: str = DISCOUNTED_AMOUNT


class Explained(msgspec.Struct, frozen=True, gc=False):
    """How the rules of one guard were judged."""

    rule_id: str
    judged: tuple[Judged, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of a redeemable: refused, or applied. `credits` are those that it takes from a
    gift card, `counted` what it adds to each row of counters, and `sums` what it adds to those of
    its campaign, whether a row keeps them or not; `entries` and `excluded` tell which
    lines it covers, `covered` are the indices of those of a discount of items.
    """

    refusal: Refusal | None = None
    cart: Cart | None = None
    amount: int = 0
    items: tuple[int, ...] = ()
    credits: int = 0
    discount: Discount | None = None
    bundle: Bundle | None = None
    entries: list[Entry] = []
    excluded: list[Entry] = []
    covered: tuple[int, ...] = ()
    counted: Mapping[str, int] = {}
    sums: Mapping[Measure, int] = {}
    order_counted: bool = False
    explained: tuple[Explained, ...] = ()

    @property
    def total(self) -> int:
        """All that it takes off the order."""
        return self.amount + sum(self.items)


def explained(found: Sequence[Explained]) -> list[dict[str, Any]]:
    """How rules were judged, as `options.explain` answers it."""
    return [
        {
            "validation_rule_id": each.rule_id,
            "rules": [
                {
                    "rule": judged.path,
                    "name": judged.name,
                    "value": judged.seen,
                    "passed": UNSET if judged.passed is None else judged.passed,
                }
                for judged in each.judged
            ],
        }
        for each in found
    ]
