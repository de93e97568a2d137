from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_customers import sql
from tests.api.test_vouchers import CAMPAIGN, GIFT, create, made, put
from tests.running import Server, Shop


def codes(shop: Shop, query: str = "") -> str:
    """The codes of a page, and their total, which must agree where it is the only page."""
    answer = shop.api.get(f"/v1/vouchers?limit=100&{query}")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = [voucher["code"] for voucher in body["vouchers"]]
    assert body["total"] == len(found)
    return " ".join(found)


@pytest.fixture(scope="module")
def stock(server: Server) -> Iterator[Shop]:
    """Four vouchers of all kinds, made one after another; what reads them changes nothing."""
    shop = server.project()
    made(shop, "/v1/categories", name="New", hierarchy=1)
    made(shop, "/v1/campaigns", **CAMPAIGN)
    made(shop, "/v1/customers", source_id="bob")
    create(
        shop,
        "a",
        start_date="2020-01-01",
        expiration_date="2021-01-01",
        metadata={"seq_number": 1, "test": True, "text": "x y", "a.b": "dotted", "nil": "null"},
        redemption={"quantity": 5},
    )
    create(shop, "b", **GIFT, active=False, additional_info="hello", category="New")
    create(
        shop,
        "c",
        discount={"type": "PERCENT", "percent_off": 12.5},
        start_date="2099-01-01",
        campaign="Sale",
    )
    create(shop, "D", metadata={"seq_number": 2}, is_referral_code=True)
    sql(
        shop,
        "UPDATE vouchers SET holder_id = c.id, redeemed_quantity = 3 FROM customers AS c "
        "WHERE vouchers.project_id = $1 AND c.project_id = $1 AND code = 'D'",
    )
    put(shop, "b", metadata={})
    yield shop


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "D c b a"),
        ("order=created_at", "a b c D"),
        ("order=-created_at", "D c b a"),
        ("order=code", "D a b c"),
        ("order=-code", "c b a D"),
        ("category=New", "b"),
        ("category=nope", ""),
        ("campaign=Sale", "c"),
        ("campaign=nope", ""),
        ("campaign_id=nope", ""),
        ("customer=bob", "D"),
        ("customer=nobody", ""),
        ("code=a", "a"),
        ("code=A", ""),
        ("code=", "D c b a"),
        ("ids=nope", ""),
        ("created_at[before]=2026-01-01", ""),
        ("[created_at][after]=2026-01-01T10:00:00Z", "D c b a"),
        ("[created_at][before]=2999-01-01", "D c b a"),
        ("%5Bcreated_at%5D%5Bafter%5D=2999-01-01T10:00:00.000Z", ""),
        ("[updated_at][after]=2026-01-01", "b"),
        ("updated_at[before]=2026-01-01", ""),
        ("created_at[after]=2026-01-01T10:00:00%2B02:00&code=a", "a"),
    ],
)
def test_query(stock: Shop, query: str, expected: str) -> None:
    assert codes(stock, query) == expected


def test_order_by_the_last_update(stock: Shop) -> None:
    assert codes(stock, "order=-updated_at").split()[0] == "b"
    assert codes(stock, "order=updated_at").split()[-1] == "b"


def test_names_stand_for_ids(stock: Shop) -> None:
    for name, member, code in (
        ("category", "category_id", "b"),
        ("campaign_id", "campaign_id", "c"),
        ("campaign", "campaign_id", "c"),
        ("customer", "holder_id", "D"),
    ):
        id_ = stock.api.get(f"/v1/vouchers/{code}").json()[member]
        assert codes(stock, f"{name}={id_}") == code


def test_ids_in_every_spelling(stock: Shop) -> None:
    a, b = (stock.api.get(f"/v1/vouchers/{code}").json()["id"] for code in "ab")
    for query in (
        f"ids={a}&ids={b}",
        f"ids[]={a}&ids[]={b}",
        f"ids[0]={a}&ids[1]={b}",
        f"ids={a},{b}",
        # As the Python SDK prints a list.
        f"ids=%5B%27{a}%27%2C%20%27{b}%27%5D",
    ):
        assert codes(stock, query) == "b a", query
    assert codes(stock, f"ids={a}") == codes(stock, f"ids=%5B%27{a}%27%5D") == "a"
    assert codes(stock, f"ids={a}&code=b") == ""


@pytest.mark.parametrize(
    ("name", "conditions", "expected"),
    [
        ("active", "[$active]=true", "D"),
        ("active", "[$expired]=true", "a"),
        ("active", "[$enabled]=true", "D c a"),
        ("active", "[$disabled]=true", "b"),
        ("active", "[$before_start]=", "c"),
        ("redemption.redeemed_quantity", "[$is]=0", "c b a"),
        ("redemption.redeemed_quantity", "[$is_not]=0", "D"),
        ("redemption.redeemed_quantity", "[$more_than]=2", "D"),
        ("redemption.redeemed_quantity", "[$less_than_or_equal]=2.5", "c b a"),
        ("redemption.redeemed_quantity", "[$more_than_or_equal]=3", "D"),
        ("redemption.redeemed_quantity", "[$less_than]=3", "c b a"),
        ("redemption.redeemed_quantity", "[$in][0]=3", "D"),
        ("redemption.redeemed_quantity", "[$not_in][0]=3", "c b a"),
        ("redemption.quantity", "[$has_value]=", "a"),
        ("redemption.quantity", "[$is_unknown]=", "D c b"),
        ("redemption.quantity", "[$is_not]=5", "D c b"),
        ("is_referral_code", "[$is]=true", ""),
        ("is_referral_code", "[$is]=false", "D c b a"),
        ("is_referral_code", "[$is_not]=true", "D c b a"),
        ("expiration_date", "[$before]=2024-04-29T00:00:00.000Z", "a"),
        ("expiration_date", "[$after]=2024-04-29", ""),
        ("start_date", "[$more_than]=5", "a"),
        ("start_date", "[$less_than]=5", "c"),
        ("expiration_date", "[$is_unknown]=", "D c b"),
        ("created_at", "[$after]=2026-01-01", "D c b a"),
        ("updated_at", "[$has_value]=", "b"),
        ("metadata.seq_number", "[$is]=1", "a"),
        ("metadata.seq_number", "[$in][0]=1", "a"),
        ("metadata.seq_number", "[$not_in][0]=1", "D c b"),
        ("metadata.test", "[$is]=true", "a"),
        ("metadata.text", "[$contains]=x+y", "a"),
        ("metadata.a.b", "[$is]=dotted", "a"),
        ("metadata.nil", "[$is]=null", "a"),
        ("metadata.nothing", "[$has_value]=", ""),
        ("code", "[$starts_with]=D", "D"),
        ("code", "[$is]=d", ""),
        ("type", "[$is]=GIFT_VOUCHER", "b"),
        ("voucher_type", "[$not_in][0]=GIFT_VOUCHER", "D c a"),
        ("campaign", "[$is]=Sale", "c"),
        ("campaigns", "[$in][0]=Sale", "c"),
        ("campaign_id", "[$is_unknown]=", "D b a"),
        ("category", "[$is]=New", "b"),
        ("categories", "[$in][0]=New", "b"),
        ("category_ids", "[$has_value]=", "b"),
        ("holder_id", "[$has_value]=", "D"),
        ("additional_info", "[$ends_with]=lo", "b"),
        ("discount.type", "[$is]=PERCENT", "c"),
        ("discount.percent_off", "[$is]=12.5", "c"),
        ("discount.amount_off", "[$more_than_or_equal]=1000", "D a"),
        ("gift.amount", "[$is]=10000", "b"),
        ("gift.balance", "[$less_than]=10000", ""),
        ("publish.count", "[$is]=0", "D c b a"),
    ],
)
def test_filter(stock: Shop, name: str, conditions: str, expected: str) -> None:
    query = f"[{name}][conditions]{conditions}"
    assert codes(stock, f"[filters]{query}") == expected
    assert codes(stock, f"filters{query}") == expected


def test_filters_as_json_and_joined(stock: Shop) -> None:
    def found(filters: Any) -> str:
        return codes(stock, f"filters={json.dumps(filters)}")

    gift = {"type": {"conditions": {"$is": "GIFT_VOUCHER"}}}
    first = {"code": {"conditions": {"$in": ["a", "c"]}}}
    assert found(first) == "c a"
    assert found(gift | first) == ""
    assert found({"junction": "or", **gift, **first}) == "c b a"
    assert found({"junction": "AND", **first, "active": {"conditions": {"$expired": ""}}}) == "a"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "page=0",
        "page=1001",
        "order=name",
        "created_at[before]=yesterday",
        "[updated_at][after]=2022-13-01",
        "filters=x",
        "filters=[]",
        "filters={%22code%22:5}",
        "[filters][nope][conditions][$is]=1",
        "[filters][metadata][conditions][$is]=1",
        "[filters][junction]=xor",
        "[filters][active][conditions][$is]=true",
        "[filters][code][conditions][$nope]=1",
        "[filters][code]=a",
        "[filters][code][conditions][$is]=a&[filters][code]=b",
        "[filters][is_referral_code][conditions][$is]=maybe",
        "[filters][redemption.quantity][conditions][$is]=x",
        "[filters][redemption.quantity][conditions][$is]=NaN",
        "[filters][redemption.quantity][conditions][$is]=1e999999999",
        "[filters][redemption.quantity][conditions][$contains]=1",
        "[filters][start_date][conditions][$more_than]=99999999999",
        "[filters][expiration_date][conditions][$before]=x",
        "[filters][code][conditions][$is]=%00",
    ],
)
def test_what_is_refused(stock: Shop, query: str) -> None:
    answer = stock.api.get(f"/v1/vouchers?{query}")
    assert answer.status_code == 400, answer.text
    expected = "page_over_limit" if query == "page=1001" else "invalid_query_params"
    assert answer.json()["key"] == expected


def test_pages_hold_every_voucher_once(shop: Shop) -> None:
    rows = [{"code": f"c{n:02}", **GIFT} for n in range(25)]
    action = shop.finished(shop.api.post("/v1/vouchers/import", json=rows))
    assert action["result"]["done_count"] == 25
    # All of them were made in one instant, and still each stands on one page.
    sql(shop, "UPDATE vouchers SET created_at = now(), updated_at = NULL WHERE project_id = $1")
    for order in ("created_at", "-created_at", "updated_at", "-updated_at", "code", "-code"):
        found: list[str] = []
        for page in (1, 2, 3, 4):
            query = {"limit": 10, "page": page, "order": order}
            body = shop.api.get("/v1/vouchers", params=query).json()
            assert body["total"] == 25
            found += [voucher["code"] for voucher in body["vouchers"]]
        assert len(found) == len(set(found)) == 25
        if order.endswith("code"):
            assert found == sorted(found, reverse=order.startswith("-"))
    answer = shop.api.get("/v1/vouchers")
    assert len(answer.json()["vouchers"]) == 10
    assert (answer.json()["object"], answer.json()["data_ref"]) == ("list", "vouchers")
