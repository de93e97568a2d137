"""What an order is answered as after discounts: the worked examples, item by item."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from largesse.engine import lines, receipts
from largesse.engine.lines import Cart
from largesse.engine.orders import Item, Sold, priced
from largesse.engine.redemption import Plan
from tests.engine.redeeming import ITEMS, amount, coupon, decide, gift, percent, unit

MUG = Sold(id="prod_mug", source_id="adv-mug", name="Adventure Mug")
SHIRT = Sold(id="prod_shirt", source_id="adv-tshirt", name="Adventure T-shirt")
BOTTLE = Sold(id="prod_bottle", source_id="star-th-bottle", name="Star Thermal Bottle", price=2500)
BRAND = {"object": "products_collection", "id": "adventure"}
ADVENTURE = {name: frozenset({"adventure"}) for name in ("prod_mug", "prod_shirt")}


def sold(product: Sold, price: int, quantity: int) -> Item:
    """An item as a shop sends it: by its source id."""
    return priced(
        Item(
            source_id=product.source_id,
            related_object="product",
            price=price,
            quantity=quantity,
            product=product,
        )
    )


def bought(*items: Item) -> Cart:
    return lines.cart(items, None)


def numbers(receipt: receipts.Receipt) -> dict[str, int]:
    """The sums of a receipt, without those that are 0."""
    sums = msgspec.to_builtins(receipt)
    return {name: value for name, value in sums.items() if name != "items" and value}


def items(receipt: receipts.Receipt) -> list[dict[str, Any]]:
    """The items of a receipt, without what they are of."""
    found = msgspec.to_builtins(receipt)["items"]
    for each in found:
        each.pop("object")
        each.pop("related_object", None)
        each.pop("product", None)
    return found  # type: ignore[no-any-return]


def step(plan: Plan, place: int) -> receipts.Receipt:
    """The receipt of one redeemable."""
    found = plan.steps[place]
    assert found.outcome is not None
    assert found.before is not None
    assert found.outcome.cart is not None
    return receipts.of(found.before, found.outcome.cart)


def whole(plan: Plan, order: Cart) -> receipts.Receipt:
    assert plan.cart is not None
    return receipts.of(order, plan.cart)


def test_items_of_a_brand_and_then_the_whole_cart() -> None:
    order = bought(sold(MUG, 1000, 3), sold(SHIRT, 2000, 3), sold(BOTTLE, 2500, 2))
    adventure = amount(2000, aggregated_amount_limit=5000, **ITEMS)
    plan = decide(
        coupon(
            "Discount-Coupon-Adventure", adventure, None, {"applicable_to": {"included": [BRAND]}}
        ),
        coupon("Discount-whole-cart", amount(2500)),
        order=order,
        basis={"collections": ADVENTURE},
    )
    first, second, last = step(plan, 0), step(plan, 1), whole(plan, order)
    assert numbers(first) == {
        "amount": 14_000,
        "items_discount_amount": 4000,
        "items_applied_discount_amount": 4000,
        "total_discount_amount": 4000,
        "total_applied_discount_amount": 4000,
        "total_amount": 10_000,
    }
    mug = {
        "source_id": "adv-mug",
        "quantity": 3,
        "amount": 3000,
        "discount_amount": 2000,
        "price": 1000,
        "subtotal_amount": 1000,
    }
    shirt = {
        "source_id": "adv-tshirt",
        "quantity": 3,
        "amount": 6000,
        "discount_amount": 2000,
        "price": 2000,
        "subtotal_amount": 4000,
    }
    bottle = {
        "source_id": "star-th-bottle",
        "quantity": 2,
        "amount": 5000,
        "price": 2500,
        "subtotal_amount": 5000,
    }
    touched = {"applied_discount_amount": 2000}
    assert items(first) == [mug | touched, shirt | touched, bottle]
    assert numbers(second) == {
        "amount": 14_000,
        "discount_amount": 2500,
        "applied_discount_amount": 2500,
        "items_discount_amount": 4000,
        "total_discount_amount": 6500,
        "total_applied_discount_amount": 2500,
        "total_amount": 7500,
    }
    assert items(second) == [mug, shirt, bottle]
    assert numbers(last) == {
        "amount": 14_000,
        "discount_amount": 2500,
        "items_discount_amount": 4000,
        "total_discount_amount": 6500,
        "total_amount": 7500,
        "applied_discount_amount": 2500,
        "items_applied_discount_amount": 4000,
        "total_applied_discount_amount": 6500,
    }
    assert items(last) == items(first)
    assert [item.product for item in last.items] == [MUG, SHIRT, BOTTLE]


def test_a_free_item_that_is_in_the_cart_already() -> None:
    order = bought(sold(MUG, 1000, 1), sold(BOTTLE, 2500, 2))
    mug = priced(Item(product_id="prod_mug", product=MUG))
    plan = decide(
        coupon("Always-add-mugs", unit(1, "prod_mug")),
        order=order,
        basis={"catalog": {"prod_mug": mug}},
    )
    found = whole(plan, order)
    assert numbers(found) == {
        "amount": 7000,
        "initial_amount": 6000,
        "items_discount_amount": 1000,
        "total_discount_amount": 1000,
        "total_amount": 6000,
        "items_applied_discount_amount": 1000,
        "total_applied_discount_amount": 1000,
    }
    assert items(found) == [
        {
            "source_id": "adv-mug",
            "quantity": 2,
            "discount_quantity": 1,
            "initial_quantity": 1,
            "amount": 2000,
            "discount_amount": 1000,
            "initial_amount": 1000,
            "applied_discount_amount": 1000,
            "applied_discount_quantity": 1,
            "applied_quantity": 1,
            "applied_quantity_amount": 1000,
            "price": 1000,
            "subtotal_amount": 1000,
        },
        {
            "source_id": "star-th-bottle",
            "quantity": 2,
            "amount": 5000,
            "price": 2500,
            "subtotal_amount": 5000,
        },
    ]


def test_a_free_item_that_is_not_in_the_cart_and_has_no_price() -> None:
    order = bought(sold(BOTTLE, 2500, 2))
    mug = priced(Item(product_id="prod_mug", product=MUG))
    plan = decide(
        coupon("Always-add-mugs", unit(1, "prod_mug")),
        order=order,
        basis={"catalog": {"prod_mug": mug}},
    )
    found = whole(plan, order)
    assert (found.amount, found.total_amount, found.total_discount_amount) == (5000, 5000, 0)
    bottle, free = items(found)
    assert bottle["subtotal_amount"] == 5000
    assert free == {
        "product_id": "prod_mug",
        "quantity": 1,
        "discount_quantity": 1,
        "initial_quantity": 0,
        "applied_discount_quantity": 1,
        "applied_quantity": 1,
    } | ({"applied_quantity_amount": 0} if "applied_quantity_amount" in free else {})
    assert found.items[1].product == MUG


def test_a_free_item_that_is_not_in_the_cart_and_has_a_price() -> None:
    order = bought(sold(BOTTLE, 2500, 2))
    mug = priced(Item(product_id="prod_mug", product=MUG, price=1000))
    plan = decide(
        coupon("mugs", unit(2, "prod_mug")), order=order, basis={"catalog": {"prod_mug": mug}}
    )
    found = whole(plan, order)
    assert numbers(found) == {
        "amount": 7000,
        "initial_amount": 5000,
        "items_discount_amount": 2000,
        "total_discount_amount": 2000,
        "total_amount": 5000,
        "items_applied_discount_amount": 2000,
        "total_applied_discount_amount": 2000,
    }
    assert items(found)[1] == {
        "product_id": "prod_mug",
        "quantity": 2,
        "discount_quantity": 2,
        "initial_quantity": 0,
        "amount": 2000,
        "discount_amount": 2000,
        "initial_amount": 0,
        "applied_discount_amount": 2000,
        "applied_discount_quantity": 2,
        "applied_quantity": 2,
        "applied_quantity_amount": 2000,
        "price": 1000,
        "subtotal_amount": 0,
    }


def test_an_order_that_has_discounts_already() -> None:
    """What was applied is told of this request alone, the rest of all."""
    mug = sold(MUG, 1000, 2)
    mug.discount_amount = 500
    order = lines.cart([mug], None, 300)
    plan = decide(coupon("more", percent(50)), gift("card", 100), order=order)
    found = whole(plan, order)
    assert numbers(found) == {
        "amount": 2000,
        "discount_amount": 1000,
        "items_discount_amount": 500,
        "total_discount_amount": 1500,
        "total_amount": 500,
        "applied_discount_amount": 700,
        "total_applied_discount_amount": 700,
    }
    assert items(found)[0]["discount_amount"] == 500
    assert "applied_discount_amount" not in items(found)[0]


@pytest.mark.parametrize("sent", [0, 5000])
def test_what_was_applied_by_others_is_forgotten(sent: int) -> None:
    mug = sold(MUG, 1000, 1)
    mug.applied_discount_amount = mug.applied_quantity = sent
    order = bought(mug)
    plan = decide(coupon("ten", percent(10)), order=order)
    (item,) = whole(plan, order).items
    assert (item.applied_discount_amount, item.applied_quantity) == (UNSET, UNSET)
