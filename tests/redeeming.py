"""What the tests of redemptions share: what is redeemed, the requests that do it, and a recount of
everything that redemptions move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import httpx
import pytest

from tests.contract.client import check
from tests.races.load import Ask, mishaps, parallel, sql
from tests.running import Shop

ALL_APPLY = {"redeemables_limit": 30, "applicable_redeemables_limit": 30}


def said(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- what is redeemed ---------------------------------------------------------------------------


def coupon(
    shop: Shop, code: str, off: int = 10, *, limit: int | None = None, **more: Any
) -> dict[str, Any]:
    """A voucher with `off` minor units off the order, redeemable `limit` times."""
    body = {
        "type": "DISCOUNT_VOUCHER",
        "discount": {"type": "AMOUNT", "amount_off": off},
        "redemption": {"quantity": limit},
        **more,
    }
    return said(shop.api.post(f"/v1/vouchers/{code}", json=body))


def gift_card(shop: Shop, code: str, amount: int, **more: Any) -> dict[str, Any]:
    body = {"type": "GIFT_VOUCHER", "gift": {"amount": amount}, **more}
    return said(shop.api.post(f"/v1/vouchers/{code}", json=body))


def campaign(shop: Shop, name: str, codes: Iterable[str] = (), off: int = 10) -> str:
    """A campaign of coupons with these codes; its id."""
    voucher = {"type": "DISCOUNT_VOUCHER", "discount": {"type": "AMOUNT", "amount_off": off}}
    body = {"name": name, "campaign_type": "DISCOUNT_COUPONS", "voucher": voucher}
    made = said(shop.api.post("/v1/campaigns", json=body))
    for code in codes:
        coupon(shop, code, off, campaign=name)
    id_: str = made["id"]
    return id_


def tier_of(shop: Shop, name: str, off: int = 10) -> str:
    """A promotion tier in a campaign of this name, which is made unless it is there; its id."""
    found = shop.api.get(f"/v1/campaigns/{name}")
    if found.status_code == 404:
        body = {"name": name, "campaign_type": "PROMOTION"}
        found = shop.api.post("/v1/campaigns", json=body)
    action = {"discount": {"type": "AMOUNT", "amount_off": off}}
    path = f"/v1/promotions/{said(found)['id']}/tiers"
    id_: str = said(shop.api.post(path, json={"name": "tier", "action": action}))["id"]
    return id_


def limited(shop: Shop, name: str, most: int, **of: str) -> str:
    """A rule that what `name` counts is at most this, assigned to `voucher=CODE`,
    `campaign=NAME` or `promotion_tier=ID`; its id.
    """
    rules = {"1": {"name": name, "conditions": {"$less_than_or_equal": [most]}}, "logic": "1"}
    made = said(shop.api.post("/v1/validation-rules", json={"name": name, "rules": rules}))
    id_: str = made["id"]
    said(shop.api.post(f"/v1/validation-rules/{id_}/assignments", json=of))
    return id_


def stacking(shop: Shop, **rules: Any) -> None:
    """Says how the project stacks. Skips where the server does not know of it yet."""
    path = f"/management/v1/projects/{shop.id}/stacking-rules"
    with shop.server.management() as management:
        answer = management.post(path, json=rules)
    if answer.status_code == 404:
        pytest.skip("no stacking rules yet")
    said(answer)


def read(shop: Shop, code: str) -> dict[str, Any]:
    return said(shop.api.get(f"/v1/vouchers/{code}"))


def redeemed(shop: Shop, code: str) -> int:
    quantity: int = read(shop, code)["redemption"]["redeemed_quantity"]
    return quantity


# --- requests -----------------------------------------------------------------------------------


def body(*redeemables: str | tuple[str, int], **more: Any) -> dict[str, Any]:
    """A request for these vouchers, each a code or a gift card's code and credits, or for
    promotion tiers, by their ids. `customer` may be a source id, `amount` is an order's.
    """
    named = []
    for one in redeemables:
        code, credits = (one, None) if isinstance(one, str) else one
        kind = "promotion_tier" if code.startswith("promo_") else "voucher"
        gift = {} if credits is None else {"gift": {"credits": credits}}
        named.append({"object": kind, "id": code, **gift})
    if isinstance(more.get("customer"), str):
        more["customer"] = {"source_id": more["customer"]}
    if "amount" in more:
        more["order"] = {"amount": more.pop("amount"), **more.get("order", {})}
    return {"redeemables": named, **more}


def redeeming(*redeemables: str | tuple[str, int], **more: Any) -> Ask:
    return "POST", "/v1/redemptions", body(*redeemables, **more)


def redeem(shop: Shop, *redeemables: str | tuple[str, int], **more: Any) -> dict[str, Any]:
    return said(shop.api.post("/v1/redemptions", json=body(*redeemables, **more)))


def locking(*redeemables: str | tuple[str, int], **session: Any) -> Ask:
    return "POST", "/v1/validations", body(*redeemables, session={"type": "LOCK", **session})


def refusal(validation: dict[str, Any]) -> str | None:
    """The key of the first reason why a validation says no."""
    for one in validation["redeemables"] + validation.get("inapplicable_redeemables", []):
        if "error" in one["result"]:
            key: str = one["result"]["error"]["key"]
            return key
    return None


Outcome = tuple[int, str | None]


def race(
    shop: Shop, asks: Sequence[Ask], connections: int = 100
) -> tuple[list[httpx.Response], Counter[Outcome]]:
    """Sends all at once, to both web workers. The answers in order, and how many of them were
    which status and key; a sample of each kind is held against the reference.
    """
    answers = parallel(shop, asks, min(connections, len(asks)))
    outcomes: Counter[Outcome] = Counter()
    for answer in answers:
        key = None if answer.status_code < 400 else answer.json().get("key")
        outcomes[answer.status_code, key] += 1
        if outcomes[answer.status_code, key] == 1:
            check(answer)
    assert all(status < 500 for status, _ in outcomes), f"{outcomes} {mishaps(shop.server)}"
    return answers, outcomes


# --- the recount --------------------------------------------------------------------------------

# Each finds what is wrong, a row a fault.
FAULTS = {
    "a limit was passed": """
        SELECT code, redeemed_quantity, quantity FROM vouchers
        WHERE project_id = $1 AND NOT redeemed_quantity BETWEEN 0 AND coalesce(quantity, 1 << 60)
    """,
    "redeemed_quantity is not the redemptions that stand": """
        SELECT code, redeemed_quantity, n FROM vouchers,
            LATERAL (SELECT count(*) AS n FROM redemptions WHERE project_id = $1
                AND voucher_id = vouchers.id AND object = 'redemption' AND result = 'SUCCESS'
                AND rollback_id IS NULL) AS standing
        WHERE project_id = $1 AND deleted_at IS NULL AND redeemed_quantity <> n
    """,
    "what was redeemed of a card is not what its redemptions say": """
        SELECT code, redeemed_amount, n FROM vouchers,
            LATERAL (SELECT coalesce(sum(amount), 0) AS n FROM redemptions WHERE project_id = $1
                AND voucher_id = vouchers.id AND result = 'SUCCESS') AS net
        WHERE project_id = $1 AND deleted_at IS NULL AND type = 'GIFT_VOUCHER'
            AND redeemed_amount <> n
    """,
    "what was redeemed of a card is not what its ledger says": """
        SELECT code, redeemed_amount, n FROM vouchers,
            LATERAL (SELECT -coalesce(sum(amount), 0) AS n FROM voucher_transactions
                WHERE project_id = $1 AND voucher_id = vouchers.id
                AND type IN ('CREDITS_REDEMPTION', 'CREDITS_REFUND')) AS net
        WHERE project_id = $1 AND type = 'GIFT_VOUCHER' AND redeemed_amount <> n
    """,
    # Its key: assignment, scope, measure, period, time, and the ids of the scope. A rule that is
    # assigned no more counts nothing.
    "a counter is not what the redemptions that stand come to": """
        SELECT key, stored.n, found.n FROM counters AS stored,
            LATERAL (SELECT string_to_array(key, '/') AS of) AS parts,
            LATERAL (SELECT coalesce(CASE of[3] WHEN 'redemptions' THEN count(*)
                    WHEN 'orders_amount' THEN sum(order_amount)
                    WHEN 'amount_discounted' THEN sum(discount_amount)
                    WHEN 'gift_amount' THEN sum(amount) END, 0) AS n
                FROM redemptions WHERE project_id = $1 AND object = 'redemption'
                    AND result = 'SUCCESS' AND rollback_id IS NULL
                    AND of[6] = CASE WHEN of[2] LIKE 'campaign%'
                        THEN coalesce(campaign_id, voucher_id)
                        ELSE coalesce(voucher_id, promotion_tier_id) END
                    AND (of[2] NOT LIKE '%.customer' OR customer_id = of[7])) AS found
        WHERE project_id = $1 AND stored.n <> found.n
            AND split_part(key, '@', 1) IN (
                SELECT id FROM validation_rule_assignments WHERE project_id = $1)
    """,
    "a redemption and its rollback do not name each other": """
        SELECT r.id, r.rollback_id, b.redemption_id FROM redemptions AS r
            LEFT JOIN redemptions AS b ON b.project_id = $1 AND b.id = r.rollback_id
        WHERE r.project_id = $1 AND r.rollback_id IS NOT NULL AND (b.redemption_id <> r.id
            OR b.id IS NULL OR b.object <> 'redemption_rollback' OR b.result <> 'SUCCESS')
    """,
    "a successful rollback undid nothing": """
        SELECT b.id, b.redemption_id FROM redemptions AS b
            LEFT JOIN redemptions AS r ON r.project_id = $1 AND r.rollback_id = b.id
        WHERE b.project_id = $1 AND b.object = 'redemption_rollback' AND b.result = 'SUCCESS'
            AND r.id IS NULL
    """,
    "a child is not as its parent": """
        SELECT child.id, child.parent_id, child.result, parent.result FROM redemptions AS child
            LEFT JOIN redemptions AS parent
                ON parent.project_id = $1 AND parent.id = child.parent_id
        WHERE child.project_id = $1 AND child.parent_id IS NOT NULL AND (parent.id IS NULL
            OR (parent.rollback_id IS NULL) <> (child.rollback_id IS NULL)
            OR (parent.result, parent.object) <> (child.result, child.object)
            OR parent.order_id IS DISTINCT FROM child.order_id
            OR parent.customer_id IS DISTINCT FROM child.customer_id)
    """,
    "a parent has no children": """
        SELECT id FROM redemptions AS parent WHERE project_id = $1 AND voucher_id IS NULL
            AND promotion_tier_id IS NULL AND result = 'SUCCESS'
            AND NOT EXISTS (SELECT 1 FROM redemptions
                WHERE project_id = $1 AND parent_id = parent.id)
    """,
    # What is folded and what events still bring; a tier's sums go back, a campaign's do not.
    "the sums of a campaign or a tier are not those of its redemptions": """
        SELECT id, measure, told.n, found.n FROM
            (SELECT id, measure, sum(n) AS n FROM
                (SELECT campaign_id AS id, measure, n FROM campaign_days WHERE project_id = $1
                UNION ALL
                SELECT moved ->> 0, moved ->> 2, (moved ->> 3)::bigint
                FROM events, json_array_elements(counted) AS moved
                WHERE project_id = $1 AND NOT handled) AS days GROUP BY 1, 2) AS told
            FULL JOIN
            (SELECT of.id, of.measure, sum(of.n) AS n FROM
                (SELECT *, result = 'SUCCESS' AS done, object = 'redemption' AS plus
                FROM redemptions WHERE project_id = $1) AS r,
                LATERAL (VALUES
                    (campaign_id, 'redemptions_succeeded', (done AND plus)::int),
                    (campaign_id, 'redemptions_failed', (NOT done AND plus)::int),
                    (campaign_id, 'rollbacks_succeeded', (done AND NOT plus)::int),
                    (campaign_id, 'rollbacks_failed', (NOT done AND NOT plus)::int),
                    (campaign_id, 'orders_amount', order_amount * (done AND plus)::int),
                    (campaign_id, 'discounted_amount', discount_amount * (done AND plus)::int),
                    (promotion_tier_id, 'redeemed', CASE WHEN plus THEN 1 ELSE -1 END * done::int),
                    (promotion_tier_id, 'orders_amount', order_amount * done::int),
                    (promotion_tier_id, 'discounted_amount', discount_amount * done::int)
                ) AS of (id, measure, n)
                WHERE of.id IS NOT NULL GROUP BY 1, 2) AS found USING (id, measure)
        WHERE measure = ANY('{redemptions_succeeded,redemptions_failed,rollbacks_succeeded,
                rollbacks_failed,orders_amount,discounted_amount,redeemed}'::text[])
            AND coalesce(told.n, 0) <> coalesce(found.n, 0)
    """,
    "not everything that was done was told once": """
        SELECT told.n, done.n FROM
            (SELECT count(*) AS n FROM events WHERE project_id = $1
                AND type LIKE '%redemption.%succeeded') AS told,
            (SELECT count(*) AS n FROM redemptions AS parent
                WHERE project_id = $1 AND result = 'SUCCESS'
                AND (voucher_id IS NOT NULL OR promotion_tier_id IS NOT NULL)) AS done
        WHERE told.n <> done.n
    """,
    "an order's amounts do not come to its total": """
        SELECT id, amount, discount_amount, items_discount_amount, total_discount_amount,
            total_amount
        FROM orders WHERE project_id = $1
            AND (total_amount <> amount - total_discount_amount OR total_amount < 0
                OR total_discount_amount <> discount_amount + items_discount_amount
                OR least(discount_amount, items_discount_amount) < 0)
    """,
    "an order's lines do not come to its amounts": """
        SELECT id, orders.amount, items_discount_amount, of_lines.amount, discount FROM orders,
            LATERAL (SELECT sum((line ->> 'amount')::bigint) AS amount,
                    coalesce(sum((line ->> 'discount_amount')::bigint), 0) AS discount
                FROM json_array_elements(items) AS line) AS of_lines
        WHERE project_id = $1 AND (items_discount_amount <> discount
            OR orders.amount <> of_lines.amount)
    """,
    "an order does not name its redemptions": """
        SELECT r.id, r.order_id, orders.redemptions FROM redemptions AS r
            LEFT JOIN orders ON orders.project_id = $1 AND orders.id = r.order_id
        WHERE r.project_id = $1 AND r.object = 'redemption' AND r.result = 'SUCCESS'
            AND r.order_id IS NOT NULL AND r.parent_id IS NULL
            AND NOT coalesce(orders.redemptions ? r.id, false)
    """,
    "an order's status is not that of its redemptions": """
        SELECT orders.id, status, standing FROM orders,
            LATERAL (SELECT bool_or(rollback_id IS NULL) AS standing,
                    bool_or(rollback_id IS NOT NULL) AS undone FROM redemptions
                WHERE project_id = $1 AND order_id = orders.id AND object = 'redemption'
                    AND result = 'SUCCESS') AS of_order
        WHERE project_id = $1 AND (standing AND NOT undone AND status NOT IN ('PAID', 'FULFILLED')
            OR undone AND NOT standing AND status <> 'CANCELED')
    """,
}
CUSTOMERS = """
SELECT source_id, redemptions_total_redeemed, redemptions_total_succeeded,
    redemptions_total_failed, redemptions_total_rolled_back,
    redemptions_total_rollback_succeeded, redemptions_total_rollback_failed,
    gift_redeemed_amount, redeemed, succeeded, failed, rolled_back, rollback_succeeded,
    rollback_failed, gift
FROM customers, LATERAL (
    SELECT count(*) FILTER (WHERE done AND of_redemption AND rollback_id IS NULL) AS redeemed,
        count(*) FILTER (WHERE done AND of_redemption) AS succeeded,
        count(*) FILTER (WHERE NOT done AND of_redemption) AS failed,
        count(*) FILTER (WHERE done AND NOT of_redemption) AS rolled_back,
        count(*) FILTER (WHERE done AND NOT of_redemption) AS rollback_succeeded,
        count(*) FILTER (WHERE NOT done AND NOT of_redemption) AS rollback_failed,
        coalesce(sum(amount) FILTER (WHERE done), 0) AS gift
    FROM (SELECT *, result = 'SUCCESS' AS done, object = 'redemption' AS of_redemption
        FROM redemptions AS parent WHERE project_id = $1 AND customer_id = customers.id
            AND NOT EXISTS (SELECT 1 FROM redemptions
                WHERE project_id = $1 AND parent_id = parent.id)) AS own
) AS recount
WHERE project_id = $1 ORDER BY source_id
"""
LEDGERS = """
SELECT code, vouchers.amount - subtracted_amount - redeemed_amount, t.amount, t.balance
FROM vouchers JOIN voucher_transactions AS t
    ON t.project_id = $1 AND voucher_id = vouchers.id
WHERE vouchers.project_id = $1
"""


def recount(shop: Shop) -> None:
    """Every sum that redemptions move is what a recount of them finds."""
    faults(lambda statement: sql(shop.server, statement, shop.id))


def faults(rows: Any) -> None:
    """Recounts by `rows(statement)`; raises AssertionError with what is wrong."""
    for fault, statement in FAULTS.items():
        found = rows(statement)
        assert not found, f"{fault}: {found[:5]}"
    for source_id, *sums in rows(CUSTOMERS):
        half = len(sums) // 2
        assert sums[:half] == sums[half:], f"the summary of {source_id}, its recount: {sums}"
    chain(rows(LEDGERS))


def chain(lines: Iterable[tuple[str, int, int, int]]) -> None:
    """Every line of a ledger follows from another one, and the last is the card's balance."""
    starts: dict[str, Counter[int]] = {}
    ends: dict[str, Counter[int]] = {}
    balances = {}
    for code, now, amount, after in lines:
        balances[code] = now
        starts.setdefault(code, Counter())[after - amount] += 1
        ends.setdefault(code, Counter())[after] += 1
    for code, now in balances.items():
        first, last = starts[code] - ends[code], ends[code] - starts[code]
        assert sum(first.values()) <= 1, f"two lines of {code} follow from the same: {first}"
        assert last in (Counter(), Counter({now: 1})), f"{code} has {now}, its ledger ends: {last}"
        assert min(ends[code]) >= 0, f"{code} was below zero"
