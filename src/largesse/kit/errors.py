"""Every error that an answer can carry, listed once.

    Problem
    ├── 400  InvalidPayload  InvalidQueryParams  PageOverLimit
    │        InvalidScope  InvalidGrantType  MissingParameters
    │        MetadataInvalid  InvalidOrder  InvalidExportFields  ResourceInUse
    ├── 401  Unauthorized
    ├── 403  Forbidden
    ├── 404  NotFound
    ├── 405  MethodNotAllowed
    ├── 406  NotAcceptable
    ├── 409  DuplicateFound
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


class ResourceInUse(Problem):
    """`ResourceInUse.of("segment", "seg_1", "segments", ["seg_2"])` names what uses it."""

    code, key, message = 400, "resource_in_use", "Resource in use"
    users: tuple[str, list[str]] = ("", [])

    @classmethod
    def of(
        cls, resource_type: str, resource_id: str, user_type: str, user_ids: list[str]
    ) -> ResourceInUse:
        problem = cls(
            f"Resource {resource_type} with id {resource_id} is in use by {user_type} with ids "
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
