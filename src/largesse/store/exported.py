"""What can be exported, and how each of its fields is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from largesse.engine import segments
from largesse.engine.conditions import JSON, NUMBER, TEXT, TIME
from largesse.store import redemptions
from largesse.store import segments as segment_store
from largesse.store.conditions import Hole


class Field(msgspec.Struct, frozen=True):
    """A column of an export: the words over it, what it is, and its expression."""

    label: str
    kind: str
    expression: str


class Exported(msgspec.Struct, frozen=True):
    """A noun that can be exported. `schema` names the metadata schema that its metadata follows;
    `only` is a condition that all its rows meet.
    """

    noun: str
    table: str
    fields: dict[str, Field]
    default: tuple[str, ...]
    orders: tuple[str, ...]
    schema: str
    kind_of: Callable[[str], str | None]
    column_of: Callable[[str, Hole], str]
    only: str = "true"


def _fields(columns: Mapping[str, str], special: Mapping[str, str]) -> dict[str, Field]:
    return {
        name: Field(_label(name), kind, special.get(name, name)) for name, kind in columns.items()
    }


def _label(name: str) -> str:
    words = [{"id": "ID", "url": "URL", "sku": "SKU"}.get(word, word) for word in name.split("_")]
    return " ".join(word[0].upper() + word[1:] for word in words)


def _kinds(columns: Mapping[str, str]) -> Callable[[str], str | None]:
    def kind_of(field: str) -> str | None:
        return JSON if segments.metadata_path(field) else columns.get(field)

    return kind_of


def column_of(
    table: str, expressions: Mapping[str, str] | None = None
) -> Callable[[str, Hole], str]:
    """Properties that are named as their columns are, but for those with an expression."""

    def column(field: str, hole: Hole) -> str:
        if path := segments.metadata_path(field):
            return segment_store.json_at(f"{table}.{path[0]}", path[1], hole)
        return f"({expressions[field]})" if expressions and field in expressions else field

    return column


_CUSTOMER = {
    **dict.fromkeys(
        (
            *("name", "id", "description", "email", "source_id", "phone"),
            *("address_city", "address_state", "address_line_1", "address_line_2"),
            *("address_country", "address_postal_code", "birthday", "birthdate"),
        ),
        TEXT,
    ),
    **dict.fromkeys(("created_at", "updated_at", "orders_last_order_date"), TIME),
    **dict.fromkeys(
        (
            *("redemptions_total_redeemed", "redemptions_total_failed"),
            *("redemptions_total_succeeded", "redemptions_total_rolled_back"),
            *("redemptions_total_rollback_failed", "redemptions_total_rollback_succeeded"),
            *("orders_total_amount", "orders_total_count", "orders_average_amount"),
            *("orders_last_order_amount", "loyalty_points", "loyalty_referred_customers"),
        ),
        NUMBER,
    ),
}
_CUSTOMER_EXPRESSIONS = {
    "birthday": "birthday::text",
    "birthdate": "birthdate::text",
    "orders_last_order_date": "orders_last_date",
    "orders_last_order_amount": "orders_last_amount",
    "orders_average_amount": segment_store.column("summary.orders.average_amount", str),
}
_ORDER = {
    **dict.fromkeys(("id", "source_id", "status", "customer_id", "referrer_id"), TEXT),
    **dict.fromkeys(("created_at", "updated_at"), TIME),
    **dict.fromkeys(
        (
            *("amount", "discount_amount", "items_discount_amount", "total_discount_amount"),
            "total_amount",
        ),
        NUMBER,
    ),
}
PRODUCT_KINDS = {
    **dict.fromkeys(("id", "source_id", "name", "image_url"), TEXT),
    "price": NUMBER,
    "attributes": JSON,
    **dict.fromkeys(("created_at", "updated_at"), TIME),
}
_SKU = {
    **dict.fromkeys(("id", "source_id", "sku", "product_id", "currency", "image_url"), TEXT),
    "price": NUMBER,
    "attributes": JSON,
    **dict.fromkeys(("created_at", "updated_at"), TIME),
}
_ON_CARD = "vouchers.amount - subtracted_amount - redeemed_amount - points_expired"
_VOUCHER = {
    **dict.fromkeys(
        (
            *("code", "voucher_type", "formula", "discount_type", "campaign", "category"),
            *("validity_timeframe_interval", "validity_timeframe_duration", "id", "campaign_id"),
            *("validity_day_of_week", "additional_info", "customer_id", "customer_source_id"),
            *("discount_effect", "discount_unit_type", "discount_unit_effect"),
            *("validation_rules_id", "active", "is_referral_code"),
        ),
        TEXT,
    ),
    **dict.fromkeys(("created_at", "updated_at", "start_date", "expiration_date"), TIME),
    **dict.fromkeys(
        (
            *("value", "gift_balance", "loyalty_balance", "redemption_quantity"),
            *("redemption_count", "discount_amount_limit"),
        ),
        NUMBER,
    ),
}
_VOUCHER_EXPRESSIONS = {
    "voucher_type": "type",
    "value": (
        "coalesce(discount ->> 'amount_off', discount ->> 'percent_off', "
        "discount ->> 'fixed_amount', discount ->> 'unit_off', "
        "CASE WHEN type <> 'DISCOUNT_VOUCHER' THEN vouchers.amount::text END)"
    ),
    "formula": (
        "coalesce(discount ->> 'amount_off_formula', discount ->> 'percent_off_formula', "
        "discount ->> 'fixed_amount_formula', discount ->> 'unit_off_formula')"
    ),
    "discount_type": "discount ->> 'type'",
    "discount_effect": "discount ->> 'effect'",
    "discount_unit_type": "discount ->> 'unit_type'",
    "discount_unit_effect": (
        "CASE WHEN discount ->> 'type' = 'UNIT' THEN discount ->> 'effect' END"
    ),
    "discount_amount_limit": "(discount ->> 'amount_limit')::numeric",
    "campaign": "(SELECT name FROM campaigns WHERE project_id = $1 AND id = campaign_id)",
    "category": "(SELECT name FROM categories WHERE project_id = $1 AND id = category_id)",
    "gift_balance": f"CASE WHEN type = 'GIFT_VOUCHER' THEN {_ON_CARD} END",
    "loyalty_balance": f"CASE WHEN type = 'LOYALTY_CARD' THEN {_ON_CARD} END",
    "redemption_quantity": "quantity",
    "redemption_count": "redeemed_quantity",
    "validity_timeframe_interval": "validity_timeframe ->> 'interval'",
    "validity_timeframe_duration": "validity_timeframe ->> 'duration'",
    "validity_day_of_week": "translate(validity_day_of_week::text, '[]', '')",
    "customer_id": "holder_id",
    "customer_source_id": (
        "(SELECT source_id FROM customers WHERE project_id = $1 AND customers.id = holder_id)"
    ),
    "validation_rules_id": (
        "(SELECT string_agg(rule_id, ',' ORDER BY created_at) FROM validation_rule_assignments "
        "WHERE project_id = $1 AND related_object_id = vouchers.id)"
    ),
}
# Names that filters have and files do not.
_FILTERED = {
    **dict.fromkeys(("vouchers", "category_ids", "holder_id", "categories"), TEXT),
    "campaign_ids": TEXT,
    "created_date": TIME,
}
_FILTERS = {
    "vouchers": "id",
    "category_ids": "category_id",
    "campaign_ids": "campaign_id",
    "categories": _VOUCHER_EXPRESSIONS["category"],
    "created_date": "created_at",
    "active": "active::text",
    "is_referral_code": "is_referral_code::text",
}
_TRANSACTION = {
    **dict.fromkeys(
        (
            *("id", "campaign_id", "voucher_id", "type", "source_id", "reason", "source"),
            *("related_transaction_id", "details"),
        ),
        TEXT,
    ),
    **dict.fromkeys(("balance", "amount"), NUMBER),
    "created_at": TIME,
}
_REDEMPTION = {
    **dict.fromkeys(
        (
            *("id", "object", "voucher_code", "campaign", "promotion_tier_id", "customer_id"),
            *("customer_source_id", "customer_name", "tracking_id", "order_id", "result"),
            *("failure_code", "failure_message"),
        ),
        TEXT,
    ),
    "date": TIME,
    **dict.fromkeys(("order_amount", "gift_amount", "loyalty_points"), NUMBER),
}
_CARD_OF_REDEMPTION = (
    "(SELECT type FROM vouchers WHERE vouchers.project_id = $1 AND vouchers.id = voucher_id)"
)
_REDEMPTION_EXPRESSIONS = {
    "date": "created_at",
    "campaign": redemptions.CAMPAIGN_NAME,
    "customer_source_id": (
        "(SELECT source_id FROM customers WHERE project_id = $1 "
        "AND customers.id = redemptions.customer_id)"
    ),
    "customer_name": (
        "(SELECT name FROM customers WHERE project_id = $1 "
        "AND customers.id = redemptions.customer_id)"
    ),
    # As the order was when it was redeemed for.
    "order_amount": "(redemptions.\"order\" ->> 'amount')::numeric",
    "gift_amount": f"CASE WHEN {_CARD_OF_REDEMPTION} = 'GIFT_VOUCHER' THEN amount END",
    "loyalty_points": f"CASE WHEN {_CARD_OF_REDEMPTION} = 'LOYALTY_CARD' THEN amount END",
}
_REDEMPTION_FILTERED = {
    **dict.fromkeys(
        (
            *("customer", "voucher", "related_object", "related_object_id"),
            *("related_object_parent_id", "parent_redemption_id", "campaign_name", "user_login"),
            "status",
        ),
        TEXT,
    ),
    "created_at": TIME,
}
_REDEMPTION_FILTERS = {
    "customer": "customer_id",
    "voucher": "voucher_id",
    "related_object": redemptions.RELATED_OBJECT,
    "related_object_id": redemptions.RELATED_OBJECT,
    "related_object_parent_id": "campaign_id",
    "parent_redemption_id": "parent_id",
    "campaign_name": redemptions.CAMPAIGN_NAME,
    # Nobody logs in: keys redeem.
    "user_login": "NULL::text",
    "status": (
        "CASE WHEN result <> 'SUCCESS' THEN 'FAILED' WHEN rollback_id IS NOT NULL "
        "THEN 'ROLLED_BACK' ELSE 'SUCCEEDED' END"
    ),
}
_STAMPS = ("created_at", "updated_at")

EXPORTED = {
    exported.noun: exported
    for exported in (
        Exported(
            "customer",
            "customers",
            _fields(_CUSTOMER, _CUSTOMER_EXPRESSIONS),
            ("name", "source_id"),
            ("name", "id", "email", "source_id", *_STAMPS),
            "customer",
            segments.kind_of,
            segment_store.column,
        ),
        Exported(
            "order",
            "orders",
            _fields(_ORDER, {}),
            ("id", "source_id", "status"),
            (*_STAMPS, "status"),
            "order",
            _kinds(_ORDER),
            column_of("orders"),
        ),
        Exported(
            "product",
            "products",
            _fields(PRODUCT_KINDS, {}),
            ("id", "name", "price", "image_url", "source_id", "attributes", "created_at"),
            (*_STAMPS, "name", "id", "source_id", "price"),
            "product",
            _kinds(PRODUCT_KINDS),
            column_of("products"),
            "deleted_at IS NULL",
        ),
        Exported(
            "sku",
            "skus",
            _fields(_SKU, {}),
            (
                *("id", "sku", "product_id", "currency", "price", "image_url", "source_id"),
                *("attributes", "created_at"),
            ),
            (*_STAMPS, "sku", "id", "source_id", "product_id", "price"),
            "product",
            _kinds(_SKU),
            column_of("skus"),
            "deleted_at IS NULL",
        ),
        Exported(
            "voucher",
            "vouchers",
            _fields(_VOUCHER, _VOUCHER_EXPRESSIONS),
            ("code", "voucher_type", "value", "discount_type"),
            (*_STAMPS, "code"),
            "voucher",
            _kinds({**_VOUCHER, **_FILTERED}),
            column_of("vouchers", _VOUCHER_EXPRESSIONS | _FILTERS),
            "deleted_at IS NULL",
        ),
        Exported(
            "voucher_transactions",
            "voucher_transactions",
            _fields(_TRANSACTION, {}),
            ("id", "type", "source_id", "reason", "source", "balance", "amount", "created_at"),
            ("created_at",),
            "",
            _kinds(_TRANSACTION),
            column_of("voucher_transactions"),
        ),
        Exported(
            "redemption",
            "redemptions",
            _fields(_REDEMPTION, _REDEMPTION_EXPRESSIONS),
            ("id", "object", "voucher_code", "customer_id", "date", "result"),
            ("id", "voucher_code", "tracking_id", "customer_id", "created_at"),
            "redemption",
            _kinds({**_REDEMPTION, **_REDEMPTION_FILTERED}),
            column_of("redemptions", _REDEMPTION_EXPRESSIONS | _REDEMPTION_FILTERS),
            redemptions.LIVING,
        ),
    )
}
