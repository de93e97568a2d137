-- Projects and keys are few, rarely written and shared; every other table belongs to a project,
-- which leads each of its keys.

CREATE TABLE IF NOT EXISTS projects (
    id text CONSTRAINT projects_pkey PRIMARY KEY,
    name text NOT NULL,
    description text,
    timezone text NOT NULL,
    currency text NOT NULL,
    dial_code text,
    cluster_id text NOT NULL,
    api_version text NOT NULL,
    is_sandbox boolean NOT NULL,
    case_sensitive_codes boolean NOT NULL,
    default_code_config jsonb NOT NULL,
    client_trusted_domains text[] NOT NULL,
    client_redeem_enabled boolean NOT NULL,
    client_publish_enabled boolean NOT NULL,
    client_list_vouchers_enabled boolean NOT NULL,
    client_create_customer_enabled boolean NOT NULL,
    client_loyalty_events_enabled boolean NOT NULL,
    client_set_voucher_expiration_date_enabled boolean NOT NULL,
    api_usage_notifications jsonb,
    webhooks_callout_notifications jsonb,
    webhook_version text NOT NULL,
    webhook_token text NOT NULL,
    link_secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz
);

-- A management key belongs to no project: it manages them all.
CREATE TABLE IF NOT EXISTS keys (
    id text CONSTRAINT keys_pkey PRIMARY KEY,
    project_id text CONSTRAINT keys_project_fkey REFERENCES projects (id) ON DELETE CASCADE,
    kind text NOT NULL CONSTRAINT keys_kind_check CHECK (kind IN ('server', 'client', 'management')),
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    ips text[] NOT NULL,
    blocked boolean NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT keys_management_check CHECK ((kind = 'management') = (project_id IS NULL))
);
CREATE INDEX IF NOT EXISTS keys_project ON keys (project_id);

CREATE TABLE IF NOT EXISTS oauth_tokens (
    project_id text NOT NULL,
    token_hash bytea NOT NULL,
    key_id text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT oauth_tokens_pkey PRIMARY KEY (project_id, token_hash)
);
CREATE INDEX IF NOT EXISTS oauth_tokens_expiry ON oauth_tokens (project_id, expires_at);

-- Lists sort what is empty as the oldest, hence NULLS FIRST in the indexes that serve them.
-- Sums are columns that the change itself moves; what has a row per campaign is in the two tables
-- that follow, and `loyalty_campaigns` and `referrals_total` tell whether there are any.
CREATE TABLE IF NOT EXISTS customers (
    project_id text NOT NULL,
    id text NOT NULL,
    source_id text,
    name text,
    description text,
    email text,
    phone text,
    birthday date,
    birthdate date,
    address_city text,
    address_state text,
    address_line_1 text,
    address_line_2 text,
    address_country text,
    address_postal_code text,
    metadata jsonb NOT NULL,
    system_metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    redemptions_total_redeemed bigint NOT NULL DEFAULT 0,
    redemptions_total_failed bigint NOT NULL DEFAULT 0,
    redemptions_total_succeeded bigint NOT NULL DEFAULT 0,
    redemptions_total_rolled_back bigint NOT NULL DEFAULT 0,
    redemptions_total_rollback_failed bigint NOT NULL DEFAULT 0,
    redemptions_total_rollback_succeeded bigint NOT NULL DEFAULT 0,
    gift_redeemed_amount bigint NOT NULL DEFAULT 0,
    gift_amount_to_go bigint NOT NULL DEFAULT 0,
    loyalty_card_redeemed_points bigint NOT NULL DEFAULT 0,
    loyalty_card_points_to_go bigint NOT NULL DEFAULT 0,
    orders_total_amount bigint NOT NULL DEFAULT 0,
    orders_total_count bigint NOT NULL DEFAULT 0,
    orders_last_amount bigint NOT NULL DEFAULT 0,
    orders_last_date timestamptz,
    loyalty_points bigint NOT NULL DEFAULT 0,
    loyalty_referred_customers bigint NOT NULL DEFAULT 0,
    loyalty_campaigns integer NOT NULL DEFAULT 0,
    referrals_total bigint NOT NULL DEFAULT 0,
    CONSTRAINT customers_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS customers_source_id
    ON customers (project_id, source_id NULLS FIRST);
CREATE INDEX IF NOT EXISTS customers_created ON customers (project_id, created_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS customers_updated ON customers (project_id, updated_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS customers_email ON customers (project_id, email);
CREATE INDEX IF NOT EXISTS customers_name ON customers (project_id, name);
CREATE INDEX IF NOT EXISTS customers_city ON customers (project_id, address_city);

CREATE TABLE IF NOT EXISTS customer_campaigns (
    project_id text NOT NULL,
    customer_id text NOT NULL,
    campaign_id text NOT NULL,
    campaign text NOT NULL,
    points bigint NOT NULL,
    loyalty_tier text,
    referred_customers bigint NOT NULL,
    CONSTRAINT customer_campaigns_pkey PRIMARY KEY (project_id, customer_id, campaign_id),
    CONSTRAINT customer_campaigns_customer_fkey FOREIGN KEY (project_id, customer_id)
        REFERENCES customers (project_id, id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS customer_referrals (
    project_id text NOT NULL,
    customer_id text NOT NULL,
    related_object_id text NOT NULL,
    related_object_type text NOT NULL,
    campaign_id text NOT NULL,
    referrer_id text NOT NULL,
    date timestamptz NOT NULL,
    CONSTRAINT customer_referrals_pkey PRIMARY KEY (project_id, customer_id, related_object_id),
    CONSTRAINT customer_referrals_customer_fkey FOREIGN KEY (project_id, customer_id)
        REFERENCES customers (project_id, id) ON DELETE CASCADE
);

CREATE TABLE IF NOT EXISTS segments (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT segments_pkey PRIMARY KEY (project_id, id)
);

CREATE TABLE IF NOT EXISTS segment_customers (
    project_id text NOT NULL,
    segment_id text NOT NULL,
    customer_id text NOT NULL,
    CONSTRAINT segment_customers_pkey PRIMARY KEY (project_id, segment_id, customer_id),
    CONSTRAINT segment_customers_segment_fkey FOREIGN KEY (project_id, segment_id)
        REFERENCES segments (project_id, id) ON DELETE CASCADE,
    CONSTRAINT segment_customers_customer_fkey FOREIGN KEY (project_id, customer_id)
        REFERENCES customers (project_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS segment_customers_customer ON segment_customers (project_id, customer_id);

-- Who holds which voucher or card, and in which role.
CREATE TABLE IF NOT EXISTS redeemable_holders (
    project_id text NOT NULL,
    id text NOT NULL,
    customer_id text NOT NULL,
    redeemable_id text NOT NULL,
    redeemable_object text NOT NULL,
    holder_role text NOT NULL,
    campaign_id text,
    campaign_type text,
    voucher_type text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT redeemable_holders_pkey PRIMARY KEY (project_id, id),
    CONSTRAINT redeemable_holders_customer_fkey FOREIGN KEY (project_id, customer_id)
        REFERENCES customers (project_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS redeemable_holders_customer
    ON redeemable_holders (project_id, customer_id, id);

-- What happened, written with the change. `handled` turns true when the background worker has
-- done what hangs on the event.
CREATE TABLE IF NOT EXISTS events (
    project_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    customer_id text,
    campaign_id text,
    campaign_type text,
    product_id text,
    group_id text NOT NULL,
    data json NOT NULL,
    created_at timestamptz NOT NULL,
    handled boolean NOT NULL DEFAULT false,
    CONSTRAINT events_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS events_customer
    ON events (project_id, customer_id, created_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS events_unhandled ON events (project_id, type) WHERE NOT handled;
CREATE INDEX IF NOT EXISTS events_deleted_source
    ON events (project_id, (data #>> '{customer,source_id}')) WHERE type = 'customer.deleted';

-- How many objects of a kind there are, as far as events have been handled.
CREATE TABLE IF NOT EXISTS totals (
    project_id text NOT NULL,
    noun text NOT NULL,
    n bigint NOT NULL,
    CONSTRAINT totals_pkey PRIMARY KEY (project_id, noun)
);

CREATE TABLE IF NOT EXISTS jobs (
    project_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    queue text NOT NULL,
    status text NOT NULL
        CONSTRAINT jobs_status_check CHECK (status IN ('ENQUEUED', 'IN_PROGRESS', 'DONE', 'FAILED')),
    request_id text NOT NULL,
    parameters jsonb NOT NULL,
    rows integer NOT NULL,
    done integer NOT NULL,
    failed integer NOT NULL,
    attempts integer NOT NULL,
    error text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    reports_till timestamptz,
    CONSTRAINT jobs_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (project_id, queue, created_at, id)
    WHERE finished_at IS NULL;
CREATE INDEX IF NOT EXISTS jobs_created ON jobs (project_id, created_at NULLS FIRST, id);

-- A job's rows: what is to be done (`input`, until it is done), then what came of it.
CREATE TABLE IF NOT EXISTS job_rows (
    project_id text NOT NULL,
    job_id text NOT NULL,
    n integer NOT NULL,
    reference text,
    input text,
    object_id text,
    found boolean,
    updated boolean,
    error text,
    CONSTRAINT job_rows_pkey PRIMARY KEY (project_id, job_id, n),
    CONSTRAINT job_rows_job_fkey FOREIGN KEY (project_id, job_id)
        REFERENCES jobs (project_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS job_rows_reference ON job_rows (project_id, reference);
CREATE INDEX IF NOT EXISTS job_rows_object ON job_rows (project_id, object_id);

CREATE TABLE IF NOT EXISTS permanent_deletions (
    project_id text NOT NULL,
    id text NOT NULL,
    related_object_id text NOT NULL,
    related_object text NOT NULL,
    status text NOT NULL,
    data_json jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT permanent_deletions_pkey PRIMARY KEY (project_id, id)
);
