from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families

from tests.running import Server, Shop, until

OPERATIONS = {
    "GET /v1/customers": "list-customers",
    "POST /v1/customers": "create-customer",
    "GET /v1/customers/{customerId}": "get-customer",
    "PUT /v1/customers/{customerId}": "update-customer",
    "DELETE /v1/customers/{customerId}": "delete-customer",
    "POST /v1/customers/{customerId}/permanent-deletion": "delete-customer-permanently",
    "GET /v1/customers/{customerId}/activity": "list-customer-activity",
    "GET /v1/customers/{customerId}/activities": "list-customer-activities",
    "GET /v1/customers/{customerId}/segments": "list-customer-segments",
    "GET /v1/customers/{customerId}/redeemables": "list-customer-redeemables",
    "POST /v1/customers/importCSV": "import-customers-using-csv",
    "POST /v1/customers/bulk/async": "update-customers-in-bulk",
    "POST /v1/customers/metadata/async": "update-customers-metadata-in-bulk",
    "GET /v1/async-actions": "list-async-actions",
    "GET /v1/async-actions/{asyncActionId}": "get-async-action",
    "GET /v1/task-results/{taskResultId}": "get-task-result",
    "POST /v1/oauth/token": "generate-oauth-token",
    "POST /v1/oauth/introspect": "introspect-oauth-token",
    "POST /v1/oauth/token/revoke": "revoke-oauth-token",
    "POST /client/v1/customers": "create-customer-client-side",
    "GET /management/v1/projects": "list-projects",
    "POST /management/v1/projects": "create-project",
    "GET /management/v1/projects/{projectId}": "get-project",
    "PUT /management/v1/projects/{projectId}": "update-project",
    "DELETE /management/v1/projects/{projectId}": "delete-project",
    "GET /v1/segments": "list-segments",
    "POST /v1/segments": "create-segment",
    "GET /v1/segments/{segmentId}": "get-segment",
    "DELETE /v1/segments/{segmentId}": "delete-segment",
    "POST /v1/products": "create-product",
    "GET /v1/products": "list-products",
    "GET /v1/products/{productId}": "get-product",
    "PUT /v1/products/{productId}": "update-product",
    "DELETE /v1/products/{productId}": "delete-product",
    "GET /v1/products/{productId}/skus": "list-skus-in-product",
    "POST /v1/products/{productId}/skus": "create-sku",
    "GET /v1/skus/{skuId}": "get-sku",
    "PUT /v1/products/{productId}/skus/{skuId}": "update-sku",
    "DELETE /v1/products/{productId}/skus/{skuId}": "delete-sku",
    "POST /v1/products/bulk/async": "update-products-in-bulk",
    "POST /v1/products/metadata/async": "update-products-metadata-in-bulk",
    "POST /v1/products/importCSV": "import-products-using-csv",
    "POST /v1/skus/importCSV": "import-skus-using-csv",
    "GET /v1/product-collections": "list-product-collections",
    "POST /v1/product-collections": "create-product-collection",
    "GET /v1/product-collections/{productCollectionId}": "get-product-collection",
    "PUT /v1/product-collections/{productCollectionId}": "update-product-collection",
    "DELETE /v1/product-collections/{productCollectionId}": "delete-product-collection",
    "GET /v1/product-collections/{productCollectionId}/products": "list-products-in-collection",
    "GET /v1/categories": "list-categories",
    "POST /v1/categories": "create-category",
    "GET /v1/categories/{categoryId}": "get-category",
    "PUT /v1/categories/{categoryId}": "update-category",
    "DELETE /v1/categories/{categoryId}": "delete-category",
    "GET /v1/locations": "list-locations",
    "GET /v1/locations/{locationId}": "get-location",
    "POST /v1/orders": "create-order",
    "GET /v1/orders": "list-orders",
    "GET /v1/orders/{orderId}": "get-order",
    "PUT /v1/orders/{orderId}": "update-order",
    "POST /v1/orders/import": "import-orders",
    "POST /v1/orders/export": "create-order-export",
    "GET /v1/promotions/tiers": "list-promotion-tiers",
    "GET /v1/promotions/{campaignId}/tiers": "list-promotion-tiers-from-campaign",
    "POST /v1/promotions/{campaignId}/tiers": "add-promotion-tier-to-campaign",
    "GET /v1/promotions/tiers/{promotionTierId}": "get-promotion-tier",
    "PUT /v1/promotions/tiers/{promotionTierId}": "update-promotion-tier",
    "DELETE /v1/promotions/tiers/{promotionTierId}": "delete-promotion-tier",
    "POST /v1/promotions/tiers/{promotionTierId}/enable": "enable-promotion-tier",
    "POST /v1/promotions/tiers/{promotionTierId}/disable": "disable-promotion-tier",
    "GET /v1/promotions/stacks": "list-all-promotion-stacks",
    "GET /v1/promotions/{campaignId}/stacks": "list-promotion-stacks-in-campaign",
    "POST /v1/promotions/{campaignId}/stacks": "create-promotion-stack",
    "GET /v1/promotions/{campaignId}/stacks/{stackId}": "get-promotion-stack",
    "PUT /v1/promotions/{campaignId}/stacks/{stackId}": "update-promotion-stack",
    "DELETE /v1/promotions/{campaignId}/stacks/{stackId}": "delete-promotion-stack",
    "GET /v1/templates/campaigns": "list-campaign-templates",
    "POST /v1/templates/campaigns": "create-campaign-template",
    "GET /v1/templates/campaigns/{campaignTemplateId}": "get-campaign-template",
    "PUT /v1/templates/campaigns/{campaignTemplateId}": "update-campaign-template",
    "DELETE /v1/templates/campaigns/{campaignTemplateId}": "delete-campaign-template",
    "POST /v1/templates/campaigns/{campaignTemplateId}/campaign-setup": (
        "create-campaign-from-template"
    ),
    "POST /v1/templates/campaigns/{campaignTemplateId}/tier-setup": "add-tier-from-template",
    "GET /v1/trash-bin": "list-bin-entries",
    "DELETE /v1/trash-bin/{binEntryId}": "delete-bin-entry",
    "GET /v1/validation-rules": "list-validation-rules",
    "POST /v1/validation-rules": "create-validation-rules",
    "GET /v1/validation-rules/{validationRuleId}": "get-validation-rule",
    "PUT /v1/validation-rules/{validationRuleId}": "update-validation-rule",
    "DELETE /v1/validation-rules/{validationRuleId}": "delete-validation-rules",
    "GET /v1/validation-rules-assignments": "list-validation-rules-assignments",
    "GET /v1/validation-rules/{validationRuleId}/assignments": "list-validation-rule-assignments",
    "POST /v1/validation-rules/{validationRuleId}/assignments": "create-validation-rule-assignment",
    "DELETE /v1/validation-rules/{validationRuleId}/assignments/{assignmentId}": (
        "delete-validation-rule-assignment"
    ),
    "POST /v1/vouchers": "generate-random-code",
    "POST /v1/vouchers/{code}": "create-voucher",
    "GET /v1/vouchers/{code}": "get-voucher",
    "PUT /v1/vouchers/{code}": "update-voucher",
    "DELETE /v1/vouchers/{code}": "delete-voucher",
    "POST /v1/vouchers/{code}/enable": "enable-voucher",
    "POST /v1/vouchers/{code}/disable": "disable-voucher",
    "POST /v1/vouchers/{code}/balance": "update-voucher-balance",
    "GET /v1/vouchers/{code}/transactions": "list-voucher-transactions",
    "POST /v1/vouchers/{code}/transactions/export": "export-voucher-transactions",
    "GET /v1/vouchers": "list-vouchers",
    "POST /v1/vouchers/import": "import-vouchers",
    "POST /v1/vouchers/importCSV": "import-vouchers-using-csv",
    "POST /v1/vouchers/bulk/async": "update-vouchers-in-bulk",
    "POST /v1/vouchers/metadata/async": "update-vouchers-metadata-in-bulk",
    "POST /v1/campaigns": "create-campaign",
    "GET /v1/campaigns/{campaignId}": "get-campaign",
    "PUT /v1/campaigns/{campaignId}": "update-campaign",
    "DELETE /v1/campaigns/{campaignId}": "delete-campaign",
    "POST /v1/campaigns/{campaignId}/enable": "enable-campaign",
    "POST /v1/campaigns/{campaignId}/disable": "disable-campaign",
    "POST /v1/campaigns/{campaignId}/vouchers": "add-vouchers-to-campaign",
    "POST /v1/campaigns/{campaignId}/vouchers/{code}": "add-voucher-with-specific-code-to-campaign",
    "POST /v1/campaigns/{campaignId}/import": "import-vouchers-to-campaign",
    "POST /v1/campaigns/{campaignId}/importCSV": "import-vouchers-to-campaign-using-csv",
    "GET /v1/campaigns": "list-campaigns",
    "GET /v1/campaigns/{campaignId}/summary": "get-campaign-summary",
    "GET /v1/campaigns/{campaignId}/transactions": "list-campaign-transactions",
    "POST /v1/campaigns/{campaignId}/transactions/export": "export-campaign-transactions",
    "GET /v1/assets/qr/{assetId}": "get-qr-code",
    "GET /v1/assets/barcode/{assetId}": "get-barcode",
    "POST /v1/events": "track-custom-event",
    "GET /v1/metadata-schemas": "list-metadata-schemas",
    "GET /v1/metadata-schemas/{resource}": "get-metadata-schema",
    "POST /v1/exports": "create-export",
    "GET /v1/exports": "list-exports",
    "GET /v1/exports/{exportId}": "get-export",
    "DELETE /v1/exports/{exportId}": "delete-export",
    "POST /client/v1/events": "track-custom-event-client-side",
    "GET /management/v1/projects/{projectId}/templates/campaigns": (
        "management-list-campaign-templates"
    ),
    "POST /management/v1/projects/{projectId}/templates/campaigns/{campaignTemplateId}/copy": (
        "management-copy-campaign-template"
    ),
    "POST /management/v1/projects/{projectId}/stacking-rules": "create-stacking-rules",
    "GET /management/v1/projects/{projectId}/stacking-rules": "list-stacking-rules",
    "GET /management/v1/projects/{projectId}/stacking-rules/{stackingRulesId}": (
        "get-stacking-rules"
    ),
    "PUT /management/v1/projects/{projectId}/stacking-rules/{stackingRulesId}": (
        "update-stacking-rules"
    ),
    "DELETE /management/v1/projects/{projectId}/stacking-rules/{stackingRulesId}": (
        "delete-stacking-rules"
    ),
    "POST /management/v1/projects/{projectId}/metadata-schemas": "create-metadata-schema",
    "GET /management/v1/projects/{projectId}/metadata-schemas": "list-metadata-schemas-of-project",
    "GET /management/v1/projects/{projectId}/metadata-schemas/{metadataSchemaId}": (
        "get-metadata-schema-by-id"
    ),
    "PUT /management/v1/projects/{projectId}/metadata-schemas/{metadataSchemaId}": (
        "update-metadata-schema"
    ),
    "DELETE /management/v1/projects/{projectId}/metadata-schemas/{metadataSchemaId}": (
        "delete-metadata-schema"
    ),
    "POST /management/v1/projects/{projectId}/custom-event-schemas": "create-custom-event-schema",
    "GET /management/v1/projects/{projectId}/custom-event-schemas": "list-custom-event-schemas",
    "GET /management/v1/projects/{projectId}/custom-event-schemas/{customEventSchemaId}": (
        "get-custom-event-schema"
    ),
    "PUT /management/v1/projects/{projectId}/custom-event-schemas/{customEventSchemaId}": (
        "update-custom-event-schema"
    ),
    "DELETE /management/v1/projects/{projectId}/custom-event-schemas/{customEventSchemaId}": (
        "delete-custom-event-schema"
    ),
    "POST /v1/validations": "validate-stacked-discounts",
    "POST /v1/qualifications": "check-eligibility",
    "POST /v1/vouchers/qualification": "examine-vouchers-qualification",
    "POST /v1/campaigns/qualification": "examine-campaign-qualification",
    "POST /v1/redemptions": "redeem-stacked-discounts",
    "GET /v1/redemptions": "list-redemptions",
    "GET /v1/redemptions/{redemptionId}": "get-redemption",
    "POST /v1/redemptions/{redemptionId}/rollback": "rollback-redemption",
    "POST /v1/redemptions/{parentRedemptionId}/rollbacks": "rollback-stacked-redemptions",
    "GET /v1/vouchers/{code}/redemption": "get-voucher-redemptions",
    "POST /v1/vouchers/{code}/redemption": "redeem-voucher",
    "DELETE /v1/vouchers/{code}/sessions/{sessionKey}": "release-validation-session",
    "POST /v1/vouchers/{code}/validate": "validate-voucher",
    "POST /v1/promotions/tiers/{tierId}/validation": "validate-promotion-tier",
    "POST /v1/promotions/validation": "validate-promotions",
    "POST /v1/promotions/tiers/{promotionTierId}/redemption": "redeem-promotion",
    "POST /client/v1/validations": "validate-stacked-discounts-client-side",
    "GET /client/v1/validate": "validate-voucher-client-side",
    "POST /client/v1/redemptions": "redeem-stacked-discounts-client-side",
    "POST /client/v1/redeem": "redeem-voucher-client-side",
    "GET /client/v1/promotions/tiers": "list-promotion-tiers-client-side",
    "POST /client/v1/qualifications": "check-eligibility-client-side",
}


@pytest.fixture
def nobody(server: Server) -> Iterator[httpx.Client]:
    """A client without any key."""
    with httpx.Client(base_url=server.url) as client:
        yield client


@pytest.fixture
def document(nobody: httpx.Client) -> dict[str, Any]:
    answer = nobody.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def within(value: Any, name: str) -> Iterator[Any]:
    """Whatever members of that name are in a document."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == name:
                yield member
            yield from within(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from within(member, name)


# --- health -------------------------------------------------------------------------------------


def test_health(nobody: httpx.Client) -> None:
    for path, status in (("/health/live", "live"), ("/health/ready", "ready")):
        answer = nobody.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": status})
        assert answer.headers["content-type"] == "application/json"
        assert nobody.head(path).status_code == 200
        assert nobody.post(path).status_code == 405
    for path in ("/health", "/health/", "/health/nothing", "/metrics/nothing"):
        assert nobody.get(path).json()["key"] == "not_found"


# --- metrics ------------------------------------------------------------------------------------


def answered(server: Server, route: str, **labels: str) -> int:
    """How many requests the metrics have counted for a route, over all its labels."""
    exposition = httpx.get(f"{server.url}/metrics")
    assert exposition.headers["content-type"].startswith("text/plain; version=")
    return sum(
        int(sample.value)
        for family in text_string_to_metric_families(exposition.text)
        for sample in family.samples
        if sample.name == "largesse_http_request_seconds_count"
        and sample.labels["route"] == route
        and labels.items() <= sample.labels.items()
    )


def test_metrics_count_what_was_answered(shop: Shop) -> None:
    server, route = shop.server, "/v1/customers/{customerId}"
    before = answered(server, route, method="GET", status="404")
    found_before = answered(server, route, method="GET", status="200")
    shop.api.post("/v1/customers", json={"source_id": "me"})
    for n in range(12):
        assert shop.api.get(f"/v1/customers/nobody{n}").status_code == 404
    for _ in range(3):
        assert shop.api.get("/v1/customers/me").status_code == 200
    # An answer is counted just after it was sent.
    until(lambda: answered(server, route, method="GET", status="404") == before + 12)
    until(lambda: answered(server, route, method="GET", status="200") == found_before + 3)


def test_metrics_are_those_of_all_workers(shop: Shop) -> None:
    server, route = shop.server, "/v1/customers/{customerId}/segments"
    workers = server.children("largesse.app")
    assert len(workers) == 2
    key = shop.project["server_side_key"]
    before = answered(server, route)
    for number, worker in enumerate(workers, 1):
        # The other one has to answer while this one sleeps, the metrics too.
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            for _ in range(10):
                with server.client(key["app_id"], key["app_token"]) as client:
                    assert client.get("/v1/customers/nobody/segments").status_code == 200
            until(lambda total=before + 10 * number: answered(server, route) == total)
        finally:
            os.kill(worker.pid, signal.SIGCONT)
    assert [answered(server, route) for _ in range(8)] == [before + 20] * 8


def test_what_a_client_makes_up_becomes_no_label(shop: Shop) -> None:
    made_up = "4d2f1c"
    shop.api.get(f"/v1/customers/{made_up}")
    shop.api.get(f"/{made_up}")
    shop.api.request("PROPFIND", "/v1/customers")
    shop.api.request("MKCOL", f"/v1/customers/{made_up}")
    until(lambda: answered(shop.server, "/v1/customers/{customerId}") > 0)
    text = httpx.get(f"{shop.server.url}/metrics").text
    assert made_up not in text
    assert "PROPFIND" not in text
    assert "MKCOL" not in text


# --- the document -------------------------------------------------------------------------------


def test_every_operation_is_in_the_document(document: dict[str, Any]) -> None:
    found = {name: op["operationId"] for name, op in operations(document).items()}
    assert found == OPERATIONS


def test_the_document_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Largesse"
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    # An address may be relative to the document's own; the validator does not know that.
    flow = document["components"]["securitySchemes"]["OAuth"]["flows"]["clientCredentials"]
    flow["tokenUrl"] = "http://localhost" + flow["tokenUrl"]
    schemathesis.openapi.from_dict(document).validate()
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in within(document, "$ref"):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    found = operations(document)
    for name, operation in found.items():
        assert re.fullmatch(r"[A-Z].{3,79}[^.]", operation["summary"]), name
        assert operation["tags"], name
        assert "default" in operation["responses"], name
        parameters = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(set(parameters)) == len(parameters), name
        in_path = [name for place, name in parameters if place == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", name), name
        assert ("requestBody" in operation) is (
            name.startswith(("POST", "PUT"))
            and not name.endswith(("/permanent-deletion", "/enable", "/disable"))
        ), name
    summaries = [operation["summary"] for operation in found.values()]
    assert len(set(summaries)) == len(summaries)
    described = found["POST /v1/customers"]["description"]
    assert described.startswith("With an `id` or a `source_id` that is known")
    schemas = document["components"]["schemas"]
    for name in ("CustomerBody", "Customer", "AsyncAction", "Token", "ProjectAnswer", "Error"):
        assert schemas[name]["description"], name


def test_every_operation_says_which_keys_it_takes(document: dict[str, Any]) -> None:
    headers = {
        "/v1/": {"X-App-Id", "X-App-Token"},
        "/client/v1/": {"X-Client-Application-Id", "X-Client-Token"},
        "/management/v1/": {"X-Management-Id", "X-Management-Token"},
    }
    schemes = document["components"]["securitySchemes"]
    for name, operation in operations(document).items():
        if "task-results" in name or "/v1/assets/" in name:
            assert operation["security"] == [{}]
            continue
        prefix = re.match(r"\w+ (/.*?v1/)", name)
        assert prefix is not None
        first, *others = operation["security"]
        assert set(first) == headers[prefix[1]], name
        assert {scheme for key in operation["security"] for scheme in key} <= set(schemes)
        token = not name.partition(" ")[2].startswith(("/management", "/v1/oauth"))
        assert {scheme for other in others for scheme in other} == ({"OAuth"} if token else set())
    scopes = schemes["OAuth"]["flows"]["clientCredentials"]["scopes"]
    assert len(scopes) == 42


def test_answers_are_what_the_document_says(shop: Shop, document: dict[str, Any]) -> None:
    server, found = shop.server, operations(document)

    def check(operation: str, answer: httpx.Response) -> None:
        responses = found[operation]["responses"]
        described = responses.get(str(answer.status_code), responses["default"])
        if answer.status_code == 204:
            assert (answer.content, described.get("content")) == (b"", None)
            return
        schema = described["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": document["components"]})
        problems = [
            f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer.json())
        ]
        assert problems == [], operation

    one = "/v1/customers/{customerId}"
    check("POST /v1/customers", made := shop.api.post("/v1/customers", json={}))
    whole = {"source_id": "me", "name": "a", "birthdate": "2022-01-01", "address": {"city": "b"}}
    check("POST /v1/customers", shop.api.post("/v1/customers", json=whole))
    check("POST /v1/customers", shop.api.post("/v1/customers", json={"name": 5}))
    check("PUT " + one, shop.api.put("/v1/customers/me", json={"name": "b"}))
    check("GET " + one, shop.api.get("/v1/customers/me"))
    check("GET " + one, shop.api.get("/v1/customers/nobody"))
    check("GET /v1/customers", shop.api.get("/v1/customers"))
    for name in ("activity", "activities", "segments", "redeemables"):
        check(f"GET {one}/{name}", shop.api.get(f"/v1/customers/me/{name}"))
    accepted = shop.api.post("/v1/customers/bulk/async", json=[{"source_id": "a", "name": 5}])
    check("POST /v1/customers/bulk/async", accepted)
    action = shop.finished(accepted)
    path = "/v1/async-actions/{asyncActionId}"
    check("GET " + path, shop.api.get(f"/v1/async-actions/{action['id']}"))
    check("GET /v1/async-actions", shop.api.get("/v1/async-actions"))
    deletion = shop.api.post("/v1/customers/me/permanent-deletion")
    check(f"POST {one}/permanent-deletion", deletion)
    check("DELETE " + one, shop.api.delete(f"/v1/customers/{made.json()['id']}"))
    grant = {"grant_type": "client_credentials", "scope": "api"}
    token = shop.api.post("/v1/oauth/token", data=grant)
    check("POST /v1/oauth/token", token)
    form = {"access_token": token.json()["access_token"]}
    check("POST /v1/oauth/introspect", shop.api.post("/v1/oauth/introspect", data=form))
    check("POST /v1/oauth/token/revoke", shop.api.post("/v1/oauth/token/revoke", data=form))
    with server.management() as management:
        projects = "/management/v1/projects"
        check("GET " + projects, management.get(projects))
        check("GET " + projects + "/{projectId}", management.get(f"{projects}/{shop.id}"))
        check("PUT " + projects + "/{projectId}", management.put(f"{projects}/{shop.id}", json={}))


@pytest.mark.skipif(not os.environ.get("REFERENCE"), reason="the reference is not at hand")
def test_the_document_is_in_words_of_our_own(document: dict[str, Any]) -> None:
    theirs: set[str] = set()
    for file in (Path(os.environ["REFERENCE"]) / "openapi").glob("*.json"):
        whole = json.loads(file.read_text())
        for name in ("description", "summary"):
            theirs |= {text.strip() for text in within(whole, name) if isinstance(text, str)}
    ours = {
        text.strip()
        for name in ("description", "summary")
        for text in within(document, name)
        if isinstance(text, str)
    }
    assert len(ours) > 50
    assert {text for text in ours & theirs if len(text.split()) > 4} == set()


# --- the page -----------------------------------------------------------------------------------


def test_the_page_works_without_the_internet(nobody: httpx.Client) -> None:
    page = nobody.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "://" not in page.text
    links = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert sorted(links) == ["/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css"]
    kinds = {".js": "text/javascript", ".css": "text/css"}
    for link in links:
        asset = nobody.get(link)
        assert asset.status_code == 200
        kind = asset.headers["content-type"].partition(";")[0]
        assert kind == kinds[Path(link).suffix]
        assert len(asset.content) > 100_000
        if link.endswith(".css"):
            assert "@import" not in asset.text
            addresses = re.findall(r"""url\(\s*["']?([^)]{1,20})""", asset.text)
            outside = [address for address in addresses if not address.startswith("data:")]
            assert outside == []
    assert '"/openapi.json"' in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/docs/assets/",
        "/docs/assets/nothing.js",
        "/docs/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/docs/assets/%2e%2e/__init__.py",
        "/docs/assets/..%2f__init__.py",
        "/docs/assets/%2fetc%2fpasswd",
        "/docs/assets/%00",
        "/docs/assets/%ff",
        "/docs/assets/" + "x" * 5000,
        "/docs/nothing",
    ],
    ids=lambda path: path[:40],
)
def test_nothing_else_is_served_beside_the_page(nobody: httpx.Client, path: str) -> None:
    answer = nobody.get(path)
    assert (answer.status_code, answer.json()["key"]) == (404, "not_found")
