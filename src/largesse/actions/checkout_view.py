"""Decisions as they are answered: orders step by step, and what came of each redeemable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions.orders import CustomerOfOrder
from largesse.engine import receipts, situations
from largesse.engine.applicability import SKU, Entry
from largesse.engine.bundles import Bundle
from largesse.engine.discounts import Discount
from largesse.engine.incentives import GIFT, PROMOTION_TIER, Incentive
from largesse.engine.lines import Cart
from largesse.engine.orders import Item
from largesse.engine.receipts import Receipt
from largesse.engine.redemption import APPLICABLE, INAPPLICABLE, Step
from largesse.engine.refusals import MESSAGES, Refusal
from largesse.engine.stacking import StackingRules
from largesse.kit import wire
from largesse.kit.db import Row
from largesse.store.categories import Category
from largesse.store.customer_view import Instant
from largesse.store.definitions import Definitions

_SUMS = (
    *("initial_amount", "discount_amount", "items_discount_amount", "total_discount_amount"),
    *("applied_discount_amount", "items_applied_discount_amount", "total_applied_discount_amount"),
)


class OrderView(msgspec.Struct, kw_only=True):
    """An order with its discounts as it is answered; sums of 0 and no items are left out. One that
    is not stored has no id.
    """

    id: str | UnsetType = UNSET
    source_id: str | UnsetType | None = UNSET
    created_at: Instant | UnsetType = UNSET
    updated_at: Instant | UnsetType | None = UNSET
    status: str | UnsetType = UNSET
    amount: int
    initial_amount: int | UnsetType = UNSET
    discount_amount: int | UnsetType = UNSET
    items_discount_amount: int | UnsetType = UNSET
    total_discount_amount: int | UnsetType = UNSET
    total_amount: int
    applied_discount_amount: int | UnsetType = UNSET
    items_applied_discount_amount: int | UnsetType = UNSET
    total_applied_discount_amount: int | UnsetType = UNSET
    items: list[Item] | UnsetType = UNSET
    metadata: Any = {}
    customer: CustomerOfOrder | UnsetType = UNSET
    referrer: CustomerOfOrder | UnsetType = UNSET
    customer_id: str | None = None
    referrer_id: str | None = None
    object: str = "order"
    redemptions: Any = UNSET


def order(receipt: Receipt, **members: Any) -> OrderView:
    """An order as discounts leave it, with the members that are not worked out."""
    view = OrderView(amount=receipt.amount, total_amount=receipt.total_amount, **members)
    for name in _SUMS:
        if value := getattr(receipt, name):
            setattr(view, name, value)
    if receipt.items:
        view.items = receipt.items
    return view


def stored(row: Row) -> dict[str, Any]:
    """The members of an order that exists which its discounts do not change."""
    members = {
        "id": row["id"],
        "source_id": row["source_id"],
        "created_at": wire.stamp(row["created_at"]),
        "updated_at": None if row["updated_at"] is None else wire.stamp(row["updated_at"]),
        "status": row["status"],
        "metadata": row["metadata"],
        "customer_id": row["customer_id"],
        "referrer_id": row["referrer_id"],
    }
    for name in ("customer", "referrer"):
        if row[f"{name}_id"] is not None:
            members[name] = CustomerOfOrder(row[f"{name}_id"])
    return members


# --- redeemables --------------------------------------------------------------------------------


class RefusalView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Why a redeemable does not apply; `error` holds what a marketer wrote for it."""

    code: int
    key: str
    message: str
    details: str | None = None
    request_id: str | None = None
    resource_id: str | None = None
    resource_type: str | None = None
    error: dict[str, str] | None = None


class CategoryView(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A category, and what stacking rules make of it."""

    id: str
    name: str
    hierarchy: int
    created_at: Instant
    updated_at: Instant | UnsetType = UNSET
    object: str | UnsetType = UNSET
    stacking_rules_type: str | UnsetType = UNSET


class EntryList(msgspec.Struct, kw_only=True):
    """What a discount applies to, or does not."""

    data: list[Entry] = []
    total: int = 0
    data_ref: str = "data"
    object: str = "list"


class RedeemableView(msgspec.Struct, kw_only=True):
    """What came of a redeemable."""

    status: str
    id: str
    object: str
    order: OrderView | UnsetType = UNSET
    applicable_to: EntryList | UnsetType = UNSET
    inapplicable_to: EntryList | UnsetType = UNSET
    result: dict[str, Any]
    metadata: Any = UNSET
    categories: list[CategoryView] | UnsetType = UNSET
    campaign_id: str | UnsetType = UNSET
    campaign_name: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    explanation: Any = UNSET


def refusal(found: Refusal, request_id: str) -> RefusalView:
    """A refusal as it is answered."""
    return RefusalView(
        code=found.code,
        key=found.key,
        message=found.custom or found.message,
        details=found.details,
        request_id=request_id,
        resource_id=found.resource_id,
        resource_type=found.resource_type,
        error={"message": found.custom} if found.custom else None,
    )


def result(step: Step, request_id: str) -> dict[str, Any]:
    """What a redeemable gives, or why it gives nothing."""
    if step.status == APPLICABLE:
        outcome, incentive = step.outcome, step.asked.incentive
        assert outcome is not None
        assert incentive is not None
        return given(incentive, outcome.discount, outcome.credits, outcome.bundle)
    if step.status == INAPPLICABLE:
        assert step.refusal is not None
        view = refusal(step.refusal, request_id)
        found: dict[str, Any] = {
            "error": view,
            "details": {"message": view.message, "key": view.key},
        }
        return found | ({"bundle": step.refusal.bundle} if step.refusal.bundle else {})
    assert step.skipped is not None
    return {"details": {"key": step.skipped, "message": MESSAGES[step.skipped]}}


def given(
    incentive: Incentive, discount: Discount | None, credits: int, bundle: Bundle | None
) -> dict[str, Any]:
    """What an incentive gives: credits of a card, or a discount, and the bundle that earns it."""
    if incentive.type == GIFT:
        return {"gift": {"balance": incentive.balance, "credits": credits}}
    found: dict[str, Any] = {"discount": discount}
    return found | ({"bundle": bundle} if bundle else {})


def categories(known: Definitions, category_id: str | None, *, whole: bool) -> list[CategoryView]:
    """The category of a redeemable, on request with what stacking rules make of it."""
    category = known.categories.get(category_id or "")
    if category is None:
        return []
    return [category_view(category, known.stacking, whole=whole)]


def category_view(category: Category, rules: StackingRules, *, whole: bool) -> CategoryView:
    """A category as it is answered with a redeemable."""
    kind = next(
        (
            name
            for name, ids in (
                ("EXCLUSIVE", rules.exclusive_categories),
                ("JOINT", rules.joint_categories),
            )
            if category.id in ids
        ),
        UNSET,
    )
    return CategoryView(
        id=category.id,
        name=category.name,
        hierarchy=category.hierarchy,
        created_at=wire.stamp(category.created_at),
        updated_at=UNSET if category.updated_at is None else wire.stamp(category.updated_at),
        object="category",
        stacking_rules_type=kind if whole else UNSET,
    )


def redeemable(
    step: Step,
    row: Mapping[str, Any] | None,
    known: Definitions,
    *,
    request_id: str,
    expand: Sequence[str],
    members: Mapping[str, Any],
    explain: bool = False,
) -> RedeemableView:
    """A step as it is answered; `members` are those of its order that are not worked out, and
    `row` is what was redeemed, if it exists.
    """
    view = RedeemableView(
        status=step.status,
        id=step.asked.name,
        object=step.asked.object,
        result=result(step, request_id),
    )
    outcome = step.outcome
    if outcome is not None:
        view.applicable_to, view.inapplicable_to = covered(step)
        if outcome.cart is not None and ("order" in expand or not expand):
            view.order = order(receipts.of(step.before or Cart(), outcome.cart), **members)
    if row is not None:
        category_id = row["category_id"]
        view.categories = categories(known, category_id, whole="category" in expand)
        if "redeemable" in expand:
            _expand(view, row)
    if explain:
        view.explanation = situations.explained(step.explained)
    return view


def covered(step: Step) -> tuple[EntryList, EntryList]:
    """What the discount of a step that applies covers, and what it does not."""
    assert step.outcome is not None
    cart = step.before or Cart()
    return entries(step.outcome.entries, cart), entries(step.outcome.excluded, cart)


def _expand(view: RedeemableView, row: Mapping[str, Any]) -> None:
    view.metadata = row["metadata"]
    if row["campaign_id"] is not None:
        view.campaign_id = row["campaign_id"]
        view.campaign_name = row["campaign_name"]
    if view.object == PROMOTION_TIER:
        view.name = row["name"]


def entries(found: list[Entry], cart: Cart) -> EntryList:
    """Entries of an applicability to a cart as they are answered."""
    return EntryList(data=[_identified(entry, cart) for entry in found], total=len(found))


def _identified(entry: Entry, cart: Cart) -> Entry:
    """An entry with an id, which those have not that were defined before their product: that of a
    line that it covers, else its source id.
    """
    if entry.id is not UNSET:
        return entry
    indices = entry.order_item_indices or []
    line = next((line for line in cart.lines if line.index in indices), None)
    id_ = line and (line.sku_id if entry.object == SKU else line.product_id)
    return msgspec.structs.replace(entry, id=id_ or entry.source_id)
