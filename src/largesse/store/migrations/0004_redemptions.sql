-- Redemptions, what limits them, and what was promised meanwhile. Each statement can be run again.

-- How redeemables of one request go together; one row a project, none for the defaults.
CREATE TABLE IF NOT EXISTS stacking_rules (
    project_id text NOT NULL,
    id text NOT NULL,
    rules json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT stacking_rules_pkey PRIMARY KEY (project_id)
);

-- What happened at a checkout: redemptions and rollbacks, parents and their children, also those that
-- failed. Amounts are those that it added to sums, in minor units; `amount` is of the card that was
-- spent, and below 0 where it came back. `counted` are the units of products that it took from
-- budgets, by the keys of their counters. `rollback_id` is what undid it.
CREATE TABLE IF NOT EXISTS redemptions (
    project_id text NOT NULL,
    id text NOT NULL,
    object text NOT NULL,
    result text NOT NULL,
    parent_id text,
    redemption_id text,
    rollback_id text,
    voucher_id text,
    voucher_code text,
    promotion_tier_id text,
    campaign_id text,
    customer_id text,
    tracking_id text,
    order_id text,
    amount bigint,
    order_amount bigint NOT NULL DEFAULT 0,
    discount_amount bigint NOT NULL DEFAULT 0,
    counted json,
    "order" json,
    metadata jsonb,
    reward json,
    reason text,
    failure_code text,
    failure_message text,
    channel_id text,
    channel_type text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT redemptions_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS redemptions_created
    ON redemptions (project_id, created_at, id);
CREATE INDEX IF NOT EXISTS redemptions_parent
    ON redemptions (project_id, parent_id, id) WHERE parent_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS redemptions_voucher
    ON redemptions (project_id, voucher_id, created_at, id) WHERE voucher_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS redemptions_tier
    ON redemptions (project_id, promotion_tier_id, created_at, id)
    WHERE promotion_tier_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS redemptions_campaign
    ON redemptions (project_id, campaign_id, created_at, id) WHERE campaign_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS redemptions_customer
    ON redemptions (project_id, customer_id, created_at, id) WHERE customer_id IS NOT NULL;

-- What redemptions add up to, where a rule sets a limit on it. `key` tells what is counted, for whom
-- and when. A sum is that of all its slots; today each has one.
CREATE TABLE IF NOT EXISTS counters (
    project_id text NOT NULL,
    key text NOT NULL,
    slot smallint NOT NULL DEFAULT 0,
    n bigint NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT counters_pkey PRIMARY KEY (project_id, key, slot)
);

-- What a validation has put aside: a use of a voucher, and credits or points of a card.
CREATE TABLE IF NOT EXISTS sessions (
    project_id text NOT NULL,
    voucher_id text NOT NULL,
    key text NOT NULL,
    amount bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (project_id, voucher_id, key)
);
CREATE INDEX IF NOT EXISTS sessions_key ON sessions (project_id, key);
CREATE INDEX IF NOT EXISTS sessions_expired ON sessions (project_id, expires_at);

-- Until when a voucher may have sessions: past that nobody has to look.
ALTER TABLE vouchers ADD COLUMN IF NOT EXISTS sessions_until timestamptz;

-- The first answer to a request with an idempotency key. `answer` is null while it is worked out.
CREATE TABLE IF NOT EXISTS kept_answers (
    project_id text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    status integer,
    answer bytea,
    created_at timestamptz NOT NULL,
    CONSTRAINT kept_answers_pkey PRIMARY KEY (project_id, key)
);
CREATE INDEX IF NOT EXISTS kept_answers_created ON kept_answers (project_id, created_at);

-- What an event adds to the sums of campaigns and promotion tiers, until it is folded into them:
-- `[[id, day, measure, n], ...]`.
ALTER TABLE events ADD COLUMN IF NOT EXISTS counted json;

-- Sums of tiers are kept with those of campaigns, where no row is hot.
ALTER TABLE promotion_tiers DROP COLUMN IF EXISTS total_redeemed;
ALTER TABLE promotion_tiers DROP COLUMN IF EXISTS total_amount;
ALTER TABLE promotion_tiers DROP COLUMN IF EXISTS total_discount_amount;

-- Which campaigns and tiers a customer may be offered now.
CREATE INDEX IF NOT EXISTS campaigns_active
    ON campaigns (project_id, campaign_type, created_at, id) WHERE active AND deleted_at IS NULL;
