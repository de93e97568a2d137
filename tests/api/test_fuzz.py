"""Whatever our own document allows is sent, and more; no answer may be the server's fault."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from largesse.app import document
from largesse.kit.openapi import Error
from tests.api.test_validation_rules_assignments import voucher
from tests.running import FIRST, Shop, running

schema = schemathesis.openapi.from_dict(document())
# It would end the project under test, or one of another test.
fuzzed = schema.exclude(method="DELETE", path="/management/v1/projects/{projectId}")

SHORT = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, max_examples=100)


KNOWN = {"customerId", "asyncActionId", "taskResultId", "projectId", "locationId", "resource"}
PROMOTION = {"campaignId", "promotionTierId", "tierId", "stackId"}

# What a path may name: where such objects are listed, and a body that makes one. `{}` is the
# project, the product that a SKU hangs on, or the rule that is assigned.
WORD = {"word": {"type": "string", "optional": True}}
MADE: dict[str, tuple[str, dict[str, Any]]] = {
    "productId": ("/v1/products", {"name": "x", "price": 1}),
    "skuId": ("/v1/products/{product}/skus", {"sku": "x", "price": 1}),
    "productCollectionId": (
        "/v1/product-collections",
        {
            "name": "x",
            "type": "AUTO_UPDATE",
            "filter": {"junction": "and", "price": {"conditions": {"$more_than": [1]}}},
        },
    ),
    "categoryId": ("/v1/categories", {"name": "x", "hierarchy": 1}),
    "orderId": ("/v1/orders", {"amount": 1, "customer": {"source_id": "b"}}),
    "segmentId": (
        "/v1/segments",
        {
            "name": "x",
            "type": "auto-update",
            "filter": {"junction": "and", "name": {"conditions": {"$is": ["x"]}}},
        },
    ),
    "exportId": ("/v1/exports", {"exported_object": "product"}),
    "code": ("/v1/vouchers", {"type": "GIFT_VOUCHER", "gift": {"amount": 5}}),
    "validationRuleId": ("/v1/validation-rules", {"name": "x"}),
    "assignmentId": ("/v1/validation-rules/{rule}/assignments", {"voucher": "Code1"}),
    "metadataSchemaId": (
        "/management/v1/projects/{project}/metadata-schemas",
        {"related_object": "product", "properties": WORD},
    ),
    "customEventSchemaId": (
        "/management/v1/projects/{project}/custom-event-schemas",
        {"name": "x", "schema": {"properties": WORD}},
    ),
    "stackingRulesId": ("/management/v1/projects/{project}/stacking-rules", {}),
}


class Target:
    """A project with one of everything that a path can name, and all three kinds of keys."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        server, client = shop.project["server_side_key"], shop.project["client_side_key"]
        self.headers = {
            "X-App-Id": server["app_id"],
            "X-App-Token": server["app_token"],
            "X-Client-Application-Id": client["app_id"],
            "X-Client-Token": client["app_token"],
            "X-Management-Id": FIRST["management_id"],
            "X-Management-Token": FIRST["management_token"],
        }
        action = shop.finished(shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "a"}]))
        [link] = action["result"]["reports"]
        self.token = link.partition("?token=")[2]
        voucher(shop)
        self.promoted: dict[str, str] = {}
        self.known = {
            "customerId": "a",
            "asyncActionId": action["id"],
            "taskResultId": action["id"],
            "projectId": shop.id,
            "locationId": self.location(),
            "resource": "product",
        }

    def location(self) -> str:
        """The id of a location; only the command line makes one."""
        file = self.shop.server.folder.with_name("locations.csv")
        file.write_text("name,latitude,longitude,radius\nHere,50,19,1 km\n")
        done = self.shop.server.command("locations", "import", "--project", self.shop.id, str(file))
        assert done.returncode == 0, done.stderr
        [location] = self.shop.api.get("/v1/locations").json()["data"]
        found: str = location["id"]
        return found

    def living(self, name: str) -> str:
        """The id of something that exists: an earlier case may have deleted what there was."""
        if name == "customerId":
            self.shop.api.post("/v1/customers", json={"source_id": "a"})
        if name in PROMOTION:
            return self.promotion()[name]
        if name == "binEntryId":
            return self.bin_entry()
        if name == "assetId":
            path = f"/v1/vouchers/{self.living('code')}"
            asset: str = self.shop.api.get(path).json()["assets"]["qr"]["id"]
            return asset
        if name == "campaignTemplateId":
            return self.template()
        if name in ("redemptionId", "parentRedemptionId"):
            return self.redemption()
        if name == "sessionKey":
            return self.session()
        if name in self.known:
            known: str = self.known[name]
            return known
        path, body = MADE[name]
        product = self.living("productId") if name == "skuId" else ""
        rule = self.living("validationRuleId") if name == "assignmentId" else ""
        path = path.format(project=self.shop.id, product=product, rule=rule)
        if name == "assignmentId":
            body = {"voucher": self.living("code")}
        listed = self.shop.api.get(path, headers=self.headers).json()
        # Stacking rules that nobody set are listed without an id.
        if listed[listed["data_ref"]] and "id" in listed[listed["data_ref"]][0]:
            found: str = listed[listed["data_ref"]][0]["id"]
            return found
        answer = self.shop.api.post(path, json=body, headers=self.headers)
        assert answer.status_code == 200, answer.text
        made: str = answer.json()["id"]
        return made

    def promotion(self) -> dict[str, str]:
        """A campaign with a tier that is in a stack, as long as all of them are there."""
        api, path = self.shop.api, "/v1/promotions/{campaignId}/stacks/{stackId}"
        if self.promoted and api.get(path.format(**self.promoted)).status_code == 200:
            return self.promoted
        tier = {"name": "x", "action": {"discount": {"type": "AMOUNT", "amount_off": 1}}}
        body = {"campaign_type": "PROMOTION", "promotion": {"tiers": [tier]}}
        of = api.post("/v1/campaigns", json={"name": str(uuid.uuid4()), **body}).json()
        tier_id = of["promotion"]["tiers"][0]["id"]
        stack = {"name": "x", "tiers": {"ids": [tier_id]}}
        made = api.post(f"/v1/promotions/{of['id']}/stacks", json=stack).json()
        self.promoted = {
            "campaignId": of["id"],
            "promotionTierId": tier_id,
            "tierId": tier_id,
            "stackId": made["id"],
        }
        return self.promoted

    def template(self) -> str:
        """The id of a campaign template, made of a tier."""
        api, tier_id = self.shop.api, self.promotion()["promotionTierId"]
        body = {"name": str(uuid.uuid4()), "promotion_tier_id": tier_id}
        made = api.post("/v1/templates/campaigns", json=body)
        assert made.status_code == 200, made.text
        found: str = made.json()["id"]
        return found

    def redemption(self) -> str:
        """The id of a redemption, of which any can be the first in the list."""
        api = self.shop.api
        if not api.get("/v1/redemptions").json()["redemptions"]:
            made = api.post("/v1/vouchers", json=MADE["code"][1]).json()
            asked = {"redeemables": [{"object": "voucher", "id": made["code"]}]}
            api.post("/v1/redemptions", json={**asked, "order": {"amount": 1}})
        found: str = api.get("/v1/redemptions").json()["redemptions"][0]["id"]
        return found

    def session(self) -> str:
        """The key of a session."""
        asked = [{"object": "voucher", "id": self.living("code")}]
        body = {"redeemables": asked, "session": {"type": "LOCK", "key": "session"}}
        self.shop.api.post("/v1/validations", json={**body, "order": {"amount": 1}})
        return "session"

    def bin_entry(self) -> str:
        """The id of an entry in the bin."""
        product_id = self.shop.api.post("/v1/products", json={"name": "x"}).json()["id"]
        assert self.shop.api.delete(f"/v1/products/{product_id}").status_code == 204
        found: str = self.shop.api.get("/v1/trash-bin").json()["data"][0]["id"]
        return found

    def check(self, case: Any, known: bool) -> None:
        """Sends a case, half of the time with ids that exist, and judges the answer."""
        if known and case.path_parameters:
            case.path_parameters = {name: self.living(name) for name in case.path_parameters}
            if "task-results" in case.path:
                case.query = {"token": self.token}
        if "management" in case.path and isinstance(case.body, dict):
            # Without it the client key could not do what is fuzzed next.
            case.body.pop("client_create_customer_enabled", None)
            case.body.pop("client_loyalty_events_enabled", None)
        answer = case.call(base_url=self.shop.server.url, headers=self.headers, timeout=30)
        words = f"{case.method} {case.path} {answer.status_code} {answer.content[:300]!r}"
        assert answer.status_code < 500, words
        if answer.status_code >= 400:
            self.judge(answer, words)

    def judge(self, answer: Any, words: str) -> None:
        """Refusals come in one shape, but for two: of a body too long, and of what is no HTTP."""
        assert answer.status_code in (400, 401, 403, 404, 405, 406, 409, 413, 415, 429), words
        if answer.status_code != 413 and answer.text != "Invalid HTTP request received.":
            body = answer.json()
            assert body["code"] == answer.status_code, words
            assert set(body) <= {*Error.__struct_fields__}, words


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """On a server of its own: it leaves projects behind that no other test should list."""
    for server in running():
        shop = server.project(
            client_create_customer_enabled=True, client_loyalty_events_enabled=True
        )
        yield Target(shop)


@fuzzed.given(known=st.booleans())
@fuzzed.parametrize()
@SHORT
def test_no_request_is_too_much(case: Any, known: bool, target: Target) -> None:
    target.check(case, known)


@pytest.mark.soak
@fuzzed.given(known=st.booleans())
@fuzzed.parametrize()
@LONG
def test_no_request_is_too_much_at_length(case: Any, known: bool, target: Target) -> None:
    target.check(case, known)


def test_every_operation_but_one_is_fuzzed() -> None:
    whole = {(op.ok().method, op.ok().path) for op in schema.get_all_operations()}
    some = {(op.ok().method, op.ok().path) for op in fuzzed.get_all_operations()}
    assert len(whole) == 172
    named = {name for _, path in whole for name in re.findall(r"{(\w+)}", path)}
    others = {"binEntryId", "campaignTemplateId", "assetId", "sessionKey"}
    others |= {"redemptionId", "parentRedemptionId"}
    assert named == {*MADE, *KNOWN, *PROMOTION, *others}
    assert {(method.upper(), path) for method, path in whole - some} == {
        ("DELETE", "/management/v1/projects/{projectId}")
    }
