"""The whole route table."""

from __future__ import annotations

from largesse.api.client import customers as client_customers
from largesse.api.client import events as client_events
from largesse.api.client import promotions as client_promotions
from largesse.api.client import qualifications as client_qualifications
from largesse.api.client import redemptions as client_redemptions
from largesse.api.client import validations as client_validations
from largesse.api.management import projects, schemas, stacking_rules
from largesse.api.management import templates as management_templates
from largesse.api.v1 import (
    activity,
    assets,
    async_actions,
    campaigns,
    categories,
    customers,
    events,
    exports,
    locations,
    metadata_schemas,
    oauth,
    orders,
    product_collections,
    products,
    promotions,
    qualifications,
    redemptions,
    segments,
    single_redemptions,
    single_validations,
    templates,
    trash_bin,
    validation_rules,
    validations,
    voucher_redemptions,
    vouchers,
)
from largesse.kit.routing import Operation

OPERATIONS: list[Operation] = [
    *customers.routes.operations,
    *activity.routes.operations,
    *segments.routes.operations,
    *products.routes.operations,
    *product_collections.routes.operations,
    *categories.routes.operations,
    *locations.routes.operations,
    *orders.routes.operations,
    *vouchers.routes.operations,
    *campaigns.routes.operations,
    *promotions.routes.operations,
    *validation_rules.routes.operations,
    *validations.routes.operations,
    *qualifications.routes.operations,
    *redemptions.routes.operations,
    *voucher_redemptions.routes.operations,
    *single_validations.routes.operations,
    *single_redemptions.routes.operations,
    *assets.routes.operations,
    *templates.routes.operations,
    *trash_bin.routes.operations,
    *events.routes.operations,
    *metadata_schemas.routes.operations,
    *exports.routes.operations,
    *async_actions.routes.operations,
    *oauth.routes.operations,
    *client_customers.routes.operations,
    *client_events.routes.operations,
    *client_validations.routes.operations,
    *client_redemptions.routes.operations,
    *client_promotions.routes.operations,
    *client_qualifications.routes.operations,
    *projects.routes.operations,
    *schemas.routes.operations,
    *management_templates.routes.operations,
    *stacking_rules.routes.operations,
]
