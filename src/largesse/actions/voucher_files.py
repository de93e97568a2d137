"""Files of vouchers: their columns, and what a row of them describes."""

from __future__ import annotations

from typing import Any

from largesse.actions import files
from largesse.actions.files import File, FileRow
from largesse.actions.vouchers import ImportedVoucher
from largesse.actions.worth import (
    GIFT_VOUCHER,
    LOYALTY_CARD,
    GiftBody,
    LoyaltyCardBody,
    RedemptionBody,
    VoucherType,
)
from largesse.kit.errors import InvalidVoucher

_SHARED = (
    *("code", "category", "active", "start_date", "expiration_date", "redeemed_quantity"),
    "redeemed_amount",
)
COLUMNS = {
    **{name: name for name in _SHARED},
    **{
        name: name
        for name in (
            *("voucher_type", "value", "discount_type", "discount_effect", "additional_info"),
            *("redemption_limit", "formula", "validation_rule_id"),
        )
    },
}
CAMPAIGN_COLUMNS = {name: name for name in (*_SHARED, "gift_amount", "loyalty_points")}
_TYPES: dict[str, VoucherType] = {
    "DISCOUNT_VOUCHER": "DISCOUNT_VOUCHER",
    "GIFT_VOUCHER": "GIFT_VOUCHER",
}
_VALUES = {
    "AMOUNT": "amount_off",
    "PERCENT": "percent_off",
    "FIXED": "fixed_amount",
    "UNIT": "unit_off",
}


def read_csv(content: bytes, *, of_campaign: bool) -> File:
    """A file of vouchers. Raises InvalidPayload."""
    columns = CAMPAIGN_COLUMNS if of_campaign else COLUMNS
    required = ("code",) if of_campaign else ("code", "voucher_type", "value")
    flaw = files.required(*required)
    return files.check(files.read(content, columns, "code", flaw), *required)


def body_of(given: FileRow, type_: str | None) -> ImportedVoucher:
    """A row of a file as the voucher that it describes."""
    cells = given.cells
    body = ImportedVoucher(
        code=cells.get("code"),
        category=files.short(cells.get("category"), "category"),
        active=files.flag(cells.get("active"), "active"),
        start_date=cells.get("start_date"),
        expiration_date=cells.get("expiration_date"),
        additional_info=files.short(cells.get("additional_info"), "additional_info", 10_000),
    )
    if limit := files.whole(cells.get("redemption_limit"), "redemption_limit"):
        body.redemption = RedemptionBody(quantity=limit)
    if type_ is not None:
        body.gift = GiftBody(amount=files.money(cells.get("gift_amount"), "gift_amount"))
        points = files.whole(cells.get("loyalty_points"), "loyalty_points")
        body.loyalty_card = LoyaltyCardBody(points=points)
        return body
    kind = cells.get("voucher_type") or ""
    if kind not in _TYPES:
        raise InvalidVoucher(
            f"Property .voucher_type should be equal to one of: {', '.join(_TYPES)}"
        )
    body.type = _TYPES[kind]
    if rule_id := cells.get("validation_rule_id"):
        body.validation_rules = [rule_id]
    if body.type == GIFT_VOUCHER:
        body.gift = GiftBody(amount=files.money(cells.get("value"), "value"))
    else:
        body.discount = _discount(cells)
    return body


def _discount(cells: dict[str, str | None]) -> dict[str, Any]:
    kind = (cells.get("discount_type") or "").upper()
    member = _VALUES.get(kind)
    if member is None:
        raise InvalidVoucher(
            f"Property .discount_type should be equal to one of: {', '.join(_VALUES)}"
        )
    value = cells.get("value")
    number: Any = files.money(value, "value") if kind in ("AMOUNT", "FIXED") else None
    if kind == "PERCENT":
        number = float(files.decimal(value, "value") or 0)
    elif kind == "UNIT":
        number = files.whole(value, "value")
    found: dict[str, Any] = {"type": kind, member: number}
    if cells.get("discount_effect"):
        found["effect"] = cells["discount_effect"]
    if cells.get("formula"):
        found[f"{member}_formula"] = cells["formula"]
    return found


def amount(cell: str | None, type_: str) -> int:
    """What was redeemed of a voucher of a type: points, or an amount in minor units."""
    read = files.whole if type_ == LOYALTY_CARD else files.money
    return read(cell, "redeemed_amount") or 0
