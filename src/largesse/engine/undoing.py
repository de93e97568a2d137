"""Orders whose discounts are taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from largesse.engine.orders import APPLIED, Item
from largesse.engine.receipts import Receipt

# What tells a line from others.
_NAMES = ("product_id", "sku_id", "source_id")


def kept(items: Sequence[Item], sums: Mapping[str, int]) -> Receipt:
    """An order as it is stored: `sums` are its columns."""
    return Receipt(
        amount=sums["amount"],
        initial_amount=sums["initial_amount"] or UNSET,
        discount_amount=sums["discount_amount"],
        items_discount_amount=sums["items_discount_amount"],
        total_discount_amount=sums["total_discount_amount"],
        total_amount=sums["total_amount"],
        applied_discount_amount=sums["applied_discount_amount"],
        items_applied_discount_amount=sums["items_applied_discount_amount"],
        total_applied_discount_amount=sums["total_applied_discount_amount"],
        items=list(items),
    )


def undone(before: Receipt, snapshot: Mapping[str, Any] | None) -> Receipt:
    """An order, as `kept` gives it, without what a redemption did to it, which its snapshot tells:
    how much it took off the whole and off each line, and the units that it added. Lines that are
    others by now keep what they have.
    """
    told = snapshot or {}
    applied: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for each in told.get("items") or []:
        applied.setdefault(tuple(each.get(name) for name in _NAMES), []).append(each)
    items: list[Item] = []
    # An order need not have lines to have an amount: what it loses is that of the units added.
    amount = before.amount
    for item in before.items:
        # By name, not by place: lines before it may be gone by now.
        alike = applied.get(tuple(getattr(item, name) or None for name in _NAMES))
        was = alike.pop(0) if alike else {}
        found = _without(item, was)
        amount -= (item.amount or 0) - (0 if found is None else found.amount or 0)
        if found is not None:
            items.append(found)
    of_order = max(before.discount_amount - told.get("applied_discount_amount", 0), 0)
    of_items = sum(item.discount_amount or 0 for item in items)
    added = any(item.initial_amount is not UNSET for item in items)
    return Receipt(
        amount=amount,
        initial_amount=before.initial_amount if added else UNSET,
        discount_amount=of_order,
        items_discount_amount=of_items,
        total_discount_amount=of_order + of_items,
        total_amount=max(amount - of_order - of_items, 0),
        applied_discount_amount=0,
        items_applied_discount_amount=0,
        total_applied_discount_amount=0,
        items=items,
    )


def _without(item: Item, was: Mapping[str, Any]) -> Item | None:
    """A line without what was applied to it; None where all of its units were added."""
    quantity = (item.quantity or 0) - was.get("applied_quantity", 0)
    if item.quantity is not UNSET and was.get("applied_quantity") and quantity <= 0:
        return None
    plain = dict.fromkeys((f"applied_{name}" for name in APPLIED), UNSET)
    found = msgspec.structs.replace(item, **plain)
    if item.quantity is not UNSET:
        found.quantity = quantity
    if isinstance(item.amount, int):
        found.amount = max(item.amount - was.get("applied_quantity_amount", 0), 0)
    off = max((item.discount_amount or 0) - was.get("applied_discount_amount", 0), 0)
    free = max((item.discount_quantity or 0) - was.get("applied_discount_quantity", 0), 0)
    found.discount_amount, found.discount_quantity = off or UNSET, free or UNSET
    if not free:
        found.initial_quantity = found.initial_amount = UNSET
    if isinstance(found.amount, int):
        found.subtotal_amount = max(found.amount - off, 0)
    return found
