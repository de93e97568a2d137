-- Campaigns, vouchers, promotions, validation rules and templates: what a shop may give away. Each
-- statement can be run again.

-- `voucher` is the definition that new vouchers take over. Deleted campaigns keep their row, and so
-- their name, until the bin's entry goes.
CREATE TABLE IF NOT EXISTS campaigns (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    description text,
    campaign_type text NOT NULL,
    type text NOT NULL,
    join_once boolean NOT NULL,
    auto_join boolean NOT NULL,
    use_voucher_metadata_schema boolean NOT NULL,
    start_date timestamptz,
    expiration_date timestamptz,
    validity_timeframe json,
    validity_day_of_week json,
    validity_hours json,
    activity_duration_after_publishing text,
    voucher json,
    referral_program json,
    loyalty_tiers_expiration json,
    access_settings json,
    category_id text,
    metadata jsonb NOT NULL DEFAULT '{}',
    active boolean NOT NULL,
    protected boolean NOT NULL DEFAULT false,
    creation_status text NOT NULL,
    vouchers_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT campaigns_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS campaigns_name ON campaigns (project_id, name);
CREATE INDEX IF NOT EXISTS campaigns_created ON campaigns (project_id, created_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS campaigns_updated ON campaigns (project_id, updated_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;

-- `code_key` is the code as it is compared: folded where the project's codes have no case. Amounts
-- and points are in whole units; what is left of them is amount or points less what was expired,
-- subtracted and redeemed, and a transaction row tells of every change. A deleted voucher keeps its
-- row, and so its code, until the bin's entry goes.
CREATE TABLE IF NOT EXISTS vouchers (
    project_id text NOT NULL,
    id text NOT NULL,
    code text NOT NULL,
    code_key text NOT NULL,
    type text NOT NULL,
    campaign_id text,
    category_id text,
    discount json,
    effect text,
    amount bigint NOT NULL DEFAULT 0,
    subtracted_amount bigint NOT NULL DEFAULT 0,
    redeemed_amount bigint NOT NULL DEFAULT 0,
    points_expired bigint NOT NULL DEFAULT 0,
    points_pending bigint NOT NULL DEFAULT 0,
    next_expiration_date date,
    next_expiration_points bigint,
    start_date timestamptz,
    expiration_date timestamptz,
    validity_timeframe json,
    validity_day_of_week json,
    validity_hours json,
    active boolean NOT NULL,
    additional_info text,
    metadata jsonb NOT NULL DEFAULT '{}',
    is_referral_code boolean NOT NULL DEFAULT false,
    holder_id text,
    referrer_id text,
    published bigint NOT NULL DEFAULT 0,
    quantity bigint,
    redeemed_quantity bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT vouchers_pkey PRIMARY KEY (project_id, id),
    CONSTRAINT vouchers_balance
        CHECK (
            type = 'DISCOUNT_VOUCHER'
            OR amount - subtracted_amount - redeemed_amount - points_expired >= 0
        )
);
CREATE UNIQUE INDEX IF NOT EXISTS vouchers_code ON vouchers (project_id, code_key);
CREATE INDEX IF NOT EXISTS vouchers_created ON vouchers (project_id, created_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS vouchers_updated ON vouchers (project_id, updated_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS vouchers_campaign
    ON vouchers (project_id, campaign_id, created_at NULLS FIRST, id)
    WHERE campaign_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS vouchers_holder ON vouchers (project_id, holder_id, created_at, id)
    WHERE holder_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS vouchers_referrer ON vouchers (project_id, referrer_id)
    WHERE referrer_id IS NOT NULL;

-- The ledger of gift cards and loyalty cards: `total` and `balance` as they were after it.
CREATE TABLE IF NOT EXISTS voucher_transactions (
    project_id text NOT NULL,
    id text NOT NULL,
    voucher_id text NOT NULL,
    campaign_id text,
    type text NOT NULL,
    source_id text,
    source text,
    reason text,
    amount bigint NOT NULL,
    total bigint NOT NULL,
    balance bigint NOT NULL,
    details json NOT NULL,
    related_transaction_id text,
    created_at timestamptz NOT NULL,
    CONSTRAINT voucher_transactions_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS voucher_transactions_voucher
    ON voucher_transactions (project_id, voucher_id, id);
CREATE INDEX IF NOT EXISTS voucher_transactions_campaign
    ON voucher_transactions (project_id, campaign_id, id) WHERE campaign_id IS NOT NULL;

-- What happened in a campaign on a day of the project's time zone, a row a measure.
CREATE TABLE IF NOT EXISTS campaign_days (
    project_id text NOT NULL,
    campaign_id text NOT NULL,
    day date NOT NULL,
    measure text NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT campaign_days_pkey PRIMARY KEY (project_id, campaign_id, day, measure)
);

CREATE TABLE IF NOT EXISTS promotion_tiers (
    project_id text NOT NULL,
    id text NOT NULL,
    campaign_id text NOT NULL,
    name text NOT NULL,
    banner text,
    action json NOT NULL,
    hierarchy integer NOT NULL,
    active boolean NOT NULL,
    start_date timestamptz,
    expiration_date timestamptz,
    validity_timeframe json,
    validity_day_of_week json,
    validity_hours json,
    category_id text,
    metadata jsonb NOT NULL DEFAULT '{}',
    total_redeemed bigint NOT NULL DEFAULT 0,
    total_amount bigint NOT NULL DEFAULT 0,
    total_discount_amount bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT promotion_tiers_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS promotion_tiers_campaign
    ON promotion_tiers (project_id, campaign_id, hierarchy, id);
CREATE INDEX IF NOT EXISTS promotion_tiers_created
    ON promotion_tiers (project_id, created_at NULLS FIRST, id);

CREATE TABLE IF NOT EXISTS promotion_stacks (
    project_id text NOT NULL,
    id text NOT NULL,
    campaign_id text NOT NULL,
    name text NOT NULL,
    tier_ids text[] NOT NULL,
    hierarchy_mode text NOT NULL,
    category_id text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT promotion_stacks_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS promotion_stacks_campaign
    ON promotion_stacks (project_id, campaign_id, created_at, id);

CREATE INDEX IF NOT EXISTS promotion_stacks_created
    ON promotion_stacks (project_id, created_at NULLS FIRST, id);

-- `refs` are the ids that a rule speaks of: none of them can be deleted meanwhile.
CREATE TABLE IF NOT EXISTS validation_rules (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    context_type text NOT NULL,
    rules json NOT NULL,
    bundle_rules json,
    applicable_to json NOT NULL,
    error json,
    refs text[] NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT validation_rules_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS validation_rules_created
    ON validation_rules (project_id, created_at NULLS FIRST, id);

CREATE TABLE IF NOT EXISTS validation_rule_assignments (
    project_id text NOT NULL,
    id text NOT NULL,
    rule_id text NOT NULL,
    related_object_id text NOT NULL,
    related_object_type text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT validation_rule_assignments_pkey PRIMARY KEY (project_id, id),
    CONSTRAINT validation_rule_assignments_rule FOREIGN KEY (project_id, rule_id)
        REFERENCES validation_rules (project_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX IF NOT EXISTS validation_rule_assignments_object
    ON validation_rule_assignments (project_id, related_object_id, rule_id);
CREATE INDEX IF NOT EXISTS validation_rule_assignments_of_rule
    ON validation_rule_assignments (project_id, rule_id, created_at, id);
CREATE INDEX IF NOT EXISTS validation_rule_assignments_created
    ON validation_rule_assignments (project_id, created_at, id);

-- `template` is what a campaign or a tier is made from.
CREATE TABLE IF NOT EXISTS campaign_templates (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    description text,
    campaign_type text NOT NULL,
    template json NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT campaign_templates_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS campaign_templates_name ON campaign_templates (project_id, name);
