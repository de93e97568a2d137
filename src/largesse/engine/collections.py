"""Product collections: what the filter of one that keeps itself up to date may speak of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from largesse.engine import conditions
from largesse.engine.conditions import JSON, NUMBER, TEXT, TIME, Conditions

STATIC, AUTO_UPDATE = "STATIC", "AUTO_UPDATE"

# A SKU is judged for itself: by its own name and price, and by its product's metadata with its own
# over it. `skus` are the ids of a product's SKUs.
KINDS = {
    "id": TEXT,
    "product_id": TEXT,
    "source_id": TEXT,
    "name": TEXT,
    "object": TEXT,
    "image_url": TEXT,
    "price": NUMBER,
    "attributes": JSON,
    "skus": JSON,
    "created_at": TIME,
    "updated_at": TIME,
}


def kind_of(field: str) -> str | None:
    """What a property is; None for one that filters cannot speak of."""
    if field.startswith("metadata.") and field != "metadata.":
        return JSON
    return KINDS.get(field)


def read(given: Mapping[str, Any]) -> Conditions:
    """A collection's filter. Raises FilterError."""
    return conditions.read(given, kind_of)


def spelt(given: Mapping[str, Any], conditions: Conditions) -> dict[str, Any]:
    """A filter that was read, as it is answered: the junction in one spelling, values in arrays,
    and without nulls.
    """

    def listed(value: Any) -> list[Any]:
        if isinstance(value, Mapping):
            return list(value.values())
        return value if isinstance(value, list) else [value]

    fields = {
        field: {
            "conditions": {
                operator: listed(value)
                for operator, value in member["conditions"].items()
                if value is not None or len(member["conditions"]) == 1
            }
        }
        for field, member in given.items()
        if field != "junction" and member is not None
    }
    return {"junction": conditions.junction, **fields}
