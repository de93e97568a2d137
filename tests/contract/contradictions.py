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
