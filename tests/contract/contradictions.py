"""Where the reference contradicts itself or leaves out what it says elsewhere, and what is answered
instead. The only place where an answer may differ from its schema.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jsonschema import ValidationError


class Contradiction(NamedTuple):
    """Patterns that have to match whole: `GET /v1/x`, the member's path, the validator's words."""

    operation: str
    where: str
    message: str
    reason: str


# Operations that the reference describes with fewer answers than they have.
OWN: set[str] = set()

CONTRADICTIONS = [
    Contradiction(
        r"(POST|GET) /v1/exports(/\{exportId\})?|POST /v1/orders/export",
        r"(exports/\d+)?",
        r"\{'id': 'exp_\w+', 'object': 'export', .*\} is not valid under any of .*",
        "the schemas want a user's id, and know neither products nor `metadata.x` as a field; "
        "the examples of the same operations have user_id null and such fields",
    ),
    Contradiction(
        r"(POST|GET) /v1/exports(/\{exportId\})?|POST /v1/orders/export",
        r"(exports/\d+/)?(user_id|parameters/fields/\d+)",
        r"None is not of type 'string'|'metadata\..*' is not one of \[.*\]",
        "as above",
    ),
    Contradiction(
        r"GET /v1/locations(/\{locationId\})?",
        r"(data/\d+/)?shape",
        r"\{'type': 'polygon', .*\} is not valid under any of the given schemas",
        "the schema has rings of whole numbers, the examples rings of positions",
    ),
    Contradiction(
        r"GET /v1/metadata-schemas",
        r"",
        r"'data' is a required property",
        "data_ref and the example of the same operation name the member schemas",
    ),
    Contradiction(
        r"POST /v1/oauth/introspect",
        r"",
        r"'(access_token|client_id|expires_at|expires_in|scope|token_type)' is a required property",
        "its own example of an inactive token is {active: false}",
    ),
    Contradiction(
        r"POST /v1/customers/(bulk|metadata)/async",
        r"code",
        r"429 is not of type 'string'",
        "every other error has its code as a number",
    ),
    Contradiction(
        r"\w+ /management/v1/projects.*",
        r"(data/\d+)?",
        r"'(description|dial_code|webhook_token|limits|api_usage_notifications|"
        r"webhooks_callout_notifications)' is a required property",
        "the schema requires members that the examples of the same operations leave out",
    ),
]


def accepted(operation: str, where: str, error: ValidationError) -> bool:
    return any(
        re.fullmatch(known.operation, operation)
        and re.fullmatch(known.where, where)
        and re.fullmatch(known.message, error.message, re.DOTALL)
        for known in CONTRADICTIONS
    )
