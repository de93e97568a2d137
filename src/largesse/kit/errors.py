"""Every error that an answer can carry, listed once.

    Problem
    ├── 400  InvalidPayload  InvalidQueryParams  PageOverLimit
    │        InvalidScope  InvalidGrantType  MissingParameters
    │        MetadataInvalid  InvalidOrder  InvalidExportFields  ResourceInUse
    │        InvalidVoucher  InvalidGift  InvalidCampaign  InvalidCodeConfig  DuplicateCodes
    │        InvalidBalance  GiftAmountExceeded  PointsExceeded  InvalidCustomer
    │        ResourceProtected  UnsupportedCampaignType
    │        InvalidValidationRules  DuplicatedRedeemables  InvalidRedeemables
    │        AmbiguousTrackingId  AlreadyRolledBack  InvalidRedemption  InvalidRedemptionParent
    ├── 401  Unauthorized
    ├── 403  Forbidden
    ├── 404  NotFound
    ├── 405  MethodNotAllowed
    ├── 406  NotAcceptable
    ├── 409  DuplicateFound  StackingRulesExist  IdempotencyConflict
    ├── 413  PayloadTooLarge        (a shape of its own)
    ├── 415  UnsupportedMediaType
    ├── 429  TooManyRequests
    ├── 500  InternalError
    └── 503  Unavailable

Codes, keys and messages are the reference's; where it gives no key, none is sent.
"""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """A refusal that reaches the client. Raised inside a transaction, it rolls it back."""

    code = 500
    key: str | None = None
    message = "Internal server error"

    def __init__(
        self,
        details: str | None = None,
        *,
        message: str | None = None,
        resource_id: str | None = None,
        resource_type: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(details or message or self.message)
        if message is not None:
            self.message = message
        self.details = details
        self.resource_id = resource_id
        self.resource_type = resource_type
        self.headers = headers or {}

    def body(self, request_id: str) -> dict[str, Any]:
        """The answer's members in the reference's order, without those that are unset."""
        members = {
            "code": self.code,
            "key": self.key,
            "message": self.message,
            "details": self.details,
            "request_id": request_id,
            "resource_id": self.resource_id,
            "resource_type": self.resource_type,
        }
        return {name: value for name, value in members.items() if value is not None}


class InvalidPayload(Problem):
    code, key, message = 400, "invalid_payload", "Invalid payload"


class InvalidQueryParams(Problem):
    code, key, message = 400, "invalid_query_params", "Invalid query params"


class PageOverLimit(Problem):
    code, key = 400, "page_over_limit"
    message = "Listing resource above 1000 page is not supported"


class InvalidScope(Problem):
    code, key, message = 400, "invalid_scope", "Invalid scope"


class InvalidGrantType(Problem):
    code, key, message = 400, "invalid_grant_type", "Invalid grant_type"


class MissingParameters(Problem):
    code, key, message = 400, "missing_parameters", "Missing parameters"


class MetadataInvalid(Problem):
    code, key, message = 400, "metadata_validation_failed", "Metadata validation failed"


class InvalidOrder(Problem):
    code, key, message = 400, "invalid_order", "Invalid order"


class InvalidExportFields(Problem):
    code, key, message = 400, "invalid_export_fields", "Invalid Export"


class InvalidValidationRules(Problem):
    code, key = 400, "invalid_validation_rules"
    message = "Invalid Validation Rule Definition"


class InvalidVoucher(Problem):
    code, key, message = 400, "invalid_voucher", "Invalid Voucher"


class InvalidGift(Problem):
    code, key, message = 400, "invalid_gift", "Invalid Gift"


class InvalidCampaign(Problem):
    code, key, message = 400, "invalid_campaign", "Invalid Campaign"


class UnsupportedCampaignType(Problem):
    code, key = 400, "campaign_type_is_not_supported_by_campaign_template"
    message = "Campaign of the given type is not supported by campaign template"


class InvalidCodeConfig(Problem):
    code, key, message = 400, "invalid_code_config", "Invalid Code Config"


class DuplicateCodes(Problem):
    """`DuplicateCodes.of(["A", "B"])` counts the codes that are taken, and names the first."""

    code, key, message = 400, "duplicate_key", "Duplicate codes"

    @classmethod
    def of(cls, codes: list[str]) -> DuplicateCodes:
        named = ", ".join(codes[:10]) + (", ..." if len(codes) > 10 else "")
        return cls(f"{len(codes)} voucher codes(s) already exist. {named}")


class InvalidBalance(Problem):
    code, key, message = 400, "invalid_add_balance_params", "Invalid balance"


class GiftAmountExceeded(Problem):
    code, key, message = 400, "gift_amount_exceeded", "gift amount exceeded"


class PointsExceeded(Problem):
    code, key, message = 400, "loyalty_card_points_exceeded", "loyalty card points exceeded"


class InvalidCustomer(Problem):
    code, key, message = 400, "invalid_customer", "Invalid customer"


class DuplicatedRedeemables(Problem):
    code, key, message = 400, "duplicated_redeemables", "Duplicated redeemables detected"


class InvalidRedeemables(Problem):
    code, key, message = 400, "invalid_redeemables", "Invalid redeemables"


class AmbiguousTrackingId(Problem):
    """`AmbiguousTrackingId.of("ann", "bob")` names the two whom a request speaks of."""

    code, key, message = 400, "ambiguous_tracking_id", "Ambiguous trackingId"

    @classmethod
    def of(cls, one: str, other: str) -> AmbiguousTrackingId:
        return cls(
            "The customer is named in two ways that disagree",
            message=f"Ambiguous trackingId ('{one}' vs. '{other}')",
        )


class AlreadyRolledBack(Problem):
    code, key, message = 400, "already_rolled_back", "Already rolled back"


class InvalidRedemption(Problem):
    code, key, message = 400, "invalid_redemption", "Invalid redemption"


class InvalidRedemptionParent(Problem):
    code, key, message = 400, "invalid_redemption_parent", "Invalid redemption parent"


class ResourceProtected(Problem):
    code, key, message = 400, "resource_protected", "Resource is protected"

    @classmethod
    def of(cls, resource_type: str, resource_id: str) -> ResourceProtected:
        return cls(
            f"Resource {resource_type} with id {resource_id} is protected and cannot be modified",
            resource_id=resource_id,
            resource_type=resource_type,
        )


class ResourceInUse(Problem):
    """`ResourceInUse.of("segment", "seg_1", "segment", ["seg_2"])` names what uses it. The plural
    is made by an `s` whatever the type: the reference says `validation_ruless`.
    """

    code, key, message = 400, "resource_in_use", "Resource in use"
    users: tuple[str, list[str]] = ("", [])

    @classmethod
    def of(
        cls, resource_type: str, resource_id: str, user_type: str, user_ids: list[str]
    ) -> ResourceInUse:
        problem = cls(
            f"Resource {resource_type} with id {resource_id} is in use by {user_type}s with ids "
            f"[{', '.join(user_ids)}]"
        )
        problem.users = (user_type, user_ids)
        return problem

    def body(self, request_id: str) -> dict[str, Any]:
        kind, ids = self.users
        return super().body(request_id) | {
            "related_object_ids": ids,
            "related_object_type": kind,
        }


class Unauthorized(Problem):
    code, key, message = 401, "unauthorized", "Unauthorized"


class Forbidden(Problem):
    code, key, message = 403, "forbidden", "Forbidden"


class NotFound(Problem):
    """`NotFound.of("customer", "cust_1")` names what was looked for, as the reference does."""

    code, key, message = 404, "not_found", "Resource not found"

    @classmethod
    def of(cls, resource_type: str, resource_id: str) -> NotFound:
        return cls(
            f"Cannot find {resource_type} with id {resource_id}",
            resource_id=resource_id,
            resource_type=resource_type,
        )


class MethodNotAllowed(Problem):
    code, message = 405, "HTTP Method Not Allowed"

    @classmethod
    def of(cls, method: str, allowed: list[str]) -> MethodNotAllowed:
        return cls(
            f"{method} is not supported by this endpoint. Did you mean {' or '.join(allowed)}?",
            headers={"Allow": ", ".join(allowed)},
        )


class NotAcceptable(Problem):
    code, message = 406, "Not Acceptable"


class DuplicateFound(Problem):
    code, key, message = 409, "duplicate_found", "Duplicated resource found"

    @classmethod
    def of(cls, resource_type: str, resource_id: str) -> DuplicateFound:
        return cls(
            f"Duplicated {resource_type} exists with id {resource_id}",
            resource_id=resource_id,
            resource_type=resource_type,
        )


class StackingRulesExist(Problem):
    code, key, message = 409, "stacking_rules_exist", "Stacking rules exist"


class IdempotencyConflict(Problem):
    """A key of ours, which the reference does not know, names another request."""

    code, message = 409, "Idempotency key was used for another request"


class PayloadTooLarge(Problem):
    code = 413

    def __init__(self, limit: int) -> None:
        super().__init__(message=f"Payload content length greater than maximum allowed: {limit}")

    def body(self, request_id: str) -> dict[str, Any]:
        return {
            "statusCode": self.code,
            "error": "Request Entity Too Large",
            "message": self.message,
        }


class UnsupportedMediaType(Problem):
    code, message = 415, "Unsupported Media Type"


class TooManyRequests(Problem):
    code, message = 429, "Too many requests hit the API too quickly."

    def __init__(self, retry_after: int, details: str | None = None) -> None:
        super().__init__(details, headers={"Retry-After": str(max(1, retry_after))})


class InternalError(Problem):
    pass


class Unavailable(Problem):
    code, message = 503, "Service temporarily unavailable"

    def __init__(self, details: str | None = None, retry_after: int = 1) -> None:
        super().__init__(details, headers={"Retry-After": str(retry_after)})
