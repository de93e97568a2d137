from __future__ import annotations

import re

from tests.running import Shop

NOTHING = {
    "redemptions": {
        "total_redeemed": 0,
        "total_failed": 0,
        "total_succeeded": 0,
        "total_rolled_back": 0,
        "total_rollback_failed": 0,
        "total_rollback_succeeded": 0,
        "gift": {"redeemed_amount": 0, "amount_to_go": 0},
        "loyalty_card": {"redeemed_points": 0, "points_to_go": 0},
    },
    "orders": {"total_amount": 0, "total_count": 0, "average_amount": 0, "last_order_amount": 0},
}
BOB = {
    "source_id": "source_123",
    "name": "Bob Smith",
    "description": "A frequent customer",
    "email": "bob.smith@email.example",
    "phone": "+1 933 222 3333",
    "address": {
        "city": "New York",
        "state": "NY",
        "line_1": "123 Main St.",
        "line_2": "APT 3 BLG 4",
        "country": "United States",
        "postal_code": "10001",
    },
    "metadata": {"lang": "en", "test": True},
    "birthdate": "2022-01-01",
}


def test_create_answers_the_whole_customer(shop: Shop) -> None:
    answer = shop.api.post("/v1/customers", json=BOB)
    assert answer.status_code == 200
    customer = answer.json()
    assert re.fullmatch(r"cust_[0-9A-Za-z]{24}", customer.pop("id"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", customer.pop("created_at"))
    assert customer == {
        **BOB,
        "summary": NOTHING,
        "loyalty": {"points": 0, "referred_customers": 0, "campaigns": {}},
        "referrals": {"total": 0, "campaigns": []},
        "system_metadata": {},
        "object": "customer",
    }
