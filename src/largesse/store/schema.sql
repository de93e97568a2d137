CREATE FUNCTION public.instant_of(text) RETURNS timestamp with time zone
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    found timestamptz;

BEGIN
    IF $1 ~ '^\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?)?$' THEN
        found := $1::timestamp AT TIME ZONE 'UTC';

    ELSIF $1 ~ '^\d{4}-\d\d-\d\d[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d)$' THEN
        found := $1::timestamptz;

    END IF;

    IF found >= '0001-01-01T00:00:00Z' AND found < '10000-01-01T00:00:00Z' THEN
        RETURN found;

    END IF;

    RETURN NULL;

EXCEPTION WHEN OTHERS THEN
    RETURN NULL;

END
$_$;

CREATE FUNCTION public.is_in_polygons(here double precision[], polygons jsonb) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    lat double precision := here[1];

    lon double precision := here[2];

    polygon jsonb;

    ring jsonb;

    ordinal bigint;

    corner jsonb;

    x double precision;

    y double precision;

    last_x double precision;

    last_y double precision;

    odd boolean;

    within boolean;

BEGIN
    IF here IS NULL THEN
        RETURN false;

    END IF;

    FOR polygon IN SELECT value FROM jsonb_array_elements(polygons) LOOP
        within := false;

        FOR ring, ordinal IN
            SELECT value, ordinality FROM jsonb_array_elements(polygon) WITH ORDINALITY
        LOOP
            odd := false;

            last_x := NULL;

            FOR corner IN SELECT value FROM jsonb_array_elements(ring) LOOP
                x := (corner ->> 0)::double precision;

                y := (corner ->> 1)::double precision;

                IF last_x IS NOT NULL AND (last_y > lat) <> (y > lat) THEN
                    IF lon < last_x + (lat - last_y) * (x - last_x) / (y - last_y) THEN
                        odd := NOT odd;

                    END IF;

                END IF;

                last_x := x;

                last_y := y;

            END LOOP;

            IF ordinal = 1 THEN
                within := odd;

            ELSIF odd THEN
                within := false;

            END IF;

            EXIT WHEN NOT within;

        END LOOP;

        IF within THEN
            RETURN true;

        END IF;

    END LOOP;

    RETURN false;

END
$$;

CREATE FUNCTION public.is_within_km(here double precision[], latitude double precision, longitude double precision, km double precision) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT 2 * 6371.0088::double precision * asin(sqrt(least(
        1,
        power(sin((radians(here[1]) - radians(latitude)) / 2), 2)
            + cos(radians(latitude)) * cos(radians(here[1]))
            * power(sin(radians(here[2] - longitude) / 2), 2)
    ))) <= km
$$;

CREATE FUNCTION public.point_of(text) RETURNS double precision[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    parts text[] := regexp_match($1, '^[ \t\r\n]*(?:[gG][eE][oO]:)?[ \t\r\n]*([+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?)[ \t\r\n]*,[ \t\r\n]*([+-]?(?:[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][+-]?[0-9]{1,3})?)[ \t\r\n]*$');

    latitude double precision;

    longitude double precision;

BEGIN
    latitude := parts[1];

    longitude := parts[2];

    IF abs(latitude) <= 90 AND abs(longitude) <= 180 THEN
        RETURN ARRAY[latitude, longitude];

    END IF;

    RETURN NULL;

EXCEPTION WHEN OTHERS THEN
    RETURN NULL;

END
$_$;

CREATE TABLE public.bin (
    project_id text NOT NULL,
    id text NOT NULL,
    resource_id text NOT NULL,
    resource_type text NOT NULL,
    resource_name text NOT NULL,
    resource_parent_id text,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.campaign_days (
    project_id text NOT NULL,
    campaign_id text NOT NULL,
    day date NOT NULL,
    measure text NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE public.campaign_templates (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    description text,
    campaign_type text NOT NULL,
    template json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.campaigns (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    description text,
    campaign_type text NOT NULL,
    type text NOT NULL,
    join_once boolean NOT NULL,
    auto_join boolean NOT NULL,
    use_voucher_metadata_schema boolean NOT NULL,
    start_date timestamp with time zone,
    expiration_date timestamp with time zone,
    validity_timeframe json,
    validity_day_of_week json,
    validity_hours json,
    activity_duration_after_publishing text,
    voucher json,
    referral_program json,
    loyalty_tiers_expiration json,
    access_settings json,
    category_id text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    active boolean NOT NULL,
    protected boolean DEFAULT false NOT NULL,
    creation_status text NOT NULL,
    vouchers_count bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    deleted_at timestamp with time zone
);

CREATE TABLE public.categories (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    hierarchy integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.counters (
    project_id text NOT NULL,
    key text NOT NULL,
    slot smallint DEFAULT 0 NOT NULL,
    n bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.custom_events (
    project_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    customer_id text NOT NULL,
    metadata jsonb NOT NULL,
    referral jsonb,
    loyalty jsonb,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.customer_campaigns (
    project_id text NOT NULL,
    customer_id text NOT NULL,
    campaign_id text NOT NULL,
    campaign text NOT NULL,
    points bigint NOT NULL,
    loyalty_tier text,
    referred_customers bigint NOT NULL
);

CREATE TABLE public.customer_referrals (
    project_id text NOT NULL,
    customer_id text NOT NULL,
    related_object_id text NOT NULL,
    related_object_type text NOT NULL,
    campaign_id text NOT NULL,
    referrer_id text NOT NULL,
    date timestamp with time zone NOT NULL
);

CREATE TABLE public.customers (
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
    system_metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    redemptions_total_redeemed bigint DEFAULT 0 NOT NULL,
    redemptions_total_failed bigint DEFAULT 0 NOT NULL,
    redemptions_total_succeeded bigint DEFAULT 0 NOT NULL,
    redemptions_total_rolled_back bigint DEFAULT 0 NOT NULL,
    redemptions_total_rollback_failed bigint DEFAULT 0 NOT NULL,
    redemptions_total_rollback_succeeded bigint DEFAULT 0 NOT NULL,
    gift_redeemed_amount bigint DEFAULT 0 NOT NULL,
    gift_amount_to_go bigint DEFAULT 0 NOT NULL,
    loyalty_card_redeemed_points bigint DEFAULT 0 NOT NULL,
    loyalty_card_points_to_go bigint DEFAULT 0 NOT NULL,
    orders_total_amount bigint DEFAULT 0 NOT NULL,
    orders_total_count bigint DEFAULT 0 NOT NULL,
    orders_last_amount bigint DEFAULT 0 NOT NULL,
    orders_last_date timestamp with time zone,
    loyalty_points bigint DEFAULT 0 NOT NULL,
    loyalty_referred_customers bigint DEFAULT 0 NOT NULL,
    loyalty_campaigns integer DEFAULT 0 NOT NULL,
    referrals_total bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.definitions (
    project_id text NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE public.event_counts (
    project_id text NOT NULL,
    customer_id text NOT NULL,
    type text NOT NULL,
    n bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL
);

CREATE TABLE public.event_schemas (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    properties jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.events (
    project_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    customer_id text,
    campaign_id text,
    campaign_type text,
    product_id text,
    group_id text NOT NULL,
    data json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    handled boolean DEFAULT false NOT NULL,
    referrer_id text,
    counted json
);

CREATE TABLE public.export_parts (
    project_id text NOT NULL,
    export_id text NOT NULL,
    n integer NOT NULL,
    content bytea NOT NULL
);

CREATE TABLE public.export_seats (
    project_id text NOT NULL,
    export_id text NOT NULL
);

CREATE TABLE public.exports (
    project_id text NOT NULL,
    id text NOT NULL,
    exported_object text NOT NULL,
    parameters json NOT NULL,
    status text NOT NULL,
    parts integer DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT exports_status_check CHECK ((status = ANY (ARRAY['SCHEDULED'::text, 'IN_PROGRESS'::text, 'DONE'::text, 'ERROR'::text])))
);

CREATE TABLE public.job_rows (
    project_id text NOT NULL,
    job_id text NOT NULL,
    n integer NOT NULL,
    reference text,
    input text,
    object_id text,
    found boolean,
    updated boolean,
    error text,
    people text[]
);

CREATE TABLE public.jobs (
    project_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    queue text NOT NULL,
    status text NOT NULL,
    request_id text NOT NULL,
    parameters jsonb NOT NULL,
    rows integer NOT NULL,
    done integer NOT NULL,
    failed integer NOT NULL,
    attempts integer NOT NULL,
    error text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    reports_till timestamp with time zone,
    CONSTRAINT jobs_status_check CHECK ((status = ANY (ARRAY['ENQUEUED'::text, 'IN_PROGRESS'::text, 'DONE'::text, 'FAILED'::text])))
);

CREATE TABLE public.kept_answers (
    project_id text NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    status integer,
    answer bytea,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.keys (
    id text NOT NULL,
    project_id text,
    kind text NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    ips text[] NOT NULL,
    blocked boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT keys_kind_check CHECK ((kind = ANY (ARRAY['server'::text, 'client'::text, 'management'::text]))),
    CONSTRAINT keys_management_check CHECK (((kind = 'management'::text) = (project_id IS NULL)))
);

CREATE TABLE public.locations (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    shape jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.metadata_schemas (
    project_id text NOT NULL,
    id text NOT NULL,
    related_object text NOT NULL,
    properties jsonb NOT NULL,
    allow_defined_only boolean,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.migration_lease (
    id integer NOT NULL,
    holder text NOT NULL,
    held_until timestamp with time zone NOT NULL
);

CREATE TABLE public.migrations (
    number integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone NOT NULL
);

CREATE TABLE public.oauth_tokens (
    project_id text NOT NULL,
    token_hash bytea NOT NULL,
    key_id text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE public.orders (
    project_id text NOT NULL,
    id text NOT NULL,
    source_id text,
    status text NOT NULL,
    customer_id text,
    referrer_id text,
    amount bigint NOT NULL,
    initial_amount bigint,
    discount_amount bigint NOT NULL,
    items_discount_amount bigint NOT NULL,
    total_discount_amount bigint NOT NULL,
    total_amount bigint NOT NULL,
    applied_discount_amount bigint DEFAULT 0 NOT NULL,
    items_applied_discount_amount bigint DEFAULT 0 NOT NULL,
    total_applied_discount_amount bigint DEFAULT 0 NOT NULL,
    items json NOT NULL,
    metadata jsonb NOT NULL,
    redemptions jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    CONSTRAINT orders_status_check CHECK ((status = ANY (ARRAY['CREATED'::text, 'PAID'::text, 'FULFILLED'::text, 'CANCELED'::text])))
);

CREATE TABLE public.permanent_deletions (
    project_id text NOT NULL,
    id text NOT NULL,
    related_object_id text NOT NULL,
    related_object text NOT NULL,
    status text NOT NULL,
    data_json jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.product_collections (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    type text NOT NULL,
    filter json,
    products jsonb,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    CONSTRAINT product_collections_type_check CHECK ((type = ANY (ARRAY['STATIC'::text, 'AUTO_UPDATE'::text])))
);

CREATE TABLE public.products (
    project_id text NOT NULL,
    id text NOT NULL,
    source_id text,
    name text,
    price bigint,
    attributes jsonb NOT NULL,
    image_url text,
    metadata jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    deleted_at timestamp with time zone
);

CREATE TABLE public.projects (
    id text NOT NULL,
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
    created_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);

CREATE TABLE public.promotion_stacks (
    project_id text NOT NULL,
    id text NOT NULL,
    campaign_id text NOT NULL,
    name text NOT NULL,
    tier_ids text[] NOT NULL,
    hierarchy_mode text NOT NULL,
    category_id text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.promotion_tiers (
    project_id text NOT NULL,
    id text NOT NULL,
    campaign_id text NOT NULL,
    name text NOT NULL,
    banner text,
    action json NOT NULL,
    hierarchy integer NOT NULL,
    active boolean NOT NULL,
    start_date timestamp with time zone,
    expiration_date timestamp with time zone,
    validity_timeframe json,
    validity_day_of_week json,
    validity_hours json,
    category_id text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.redeemable_holders (
    project_id text NOT NULL,
    id text NOT NULL,
    customer_id text NOT NULL,
    redeemable_id text NOT NULL,
    redeemable_object text NOT NULL,
    holder_role text NOT NULL,
    campaign_id text,
    campaign_type text,
    voucher_type text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.redemptions (
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
    order_amount bigint DEFAULT 0 NOT NULL,
    discount_amount bigint DEFAULT 0 NOT NULL,
    counted json,
    "order" json,
    metadata jsonb,
    reward json,
    reason text,
    failure_code text,
    failure_message text,
    channel_id text,
    channel_type text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.segment_customers (
    project_id text NOT NULL,
    segment_id text NOT NULL,
    customer_id text NOT NULL
);

CREATE TABLE public.segments (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    type text DEFAULT 'static'::text NOT NULL,
    filter json,
    updated_at timestamp with time zone,
    initial_sync_status text DEFAULT 'DONE'::text NOT NULL,
    sync_at timestamp with time zone,
    sync_after text DEFAULT ''::text NOT NULL
);

CREATE TABLE public.sessions (
    project_id text NOT NULL,
    voucher_id text NOT NULL,
    key text NOT NULL,
    amount bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.skus (
    project_id text NOT NULL,
    id text NOT NULL,
    source_id text,
    product_id text NOT NULL,
    sku text,
    price bigint,
    currency text,
    attributes jsonb NOT NULL,
    image_url text,
    metadata jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    deleted_at timestamp with time zone
);

CREATE TABLE public.stacking_rules (
    project_id text NOT NULL,
    id text NOT NULL,
    rules json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.totals (
    project_id text NOT NULL,
    noun text NOT NULL,
    n bigint NOT NULL
);

CREATE TABLE public.validation_rule_assignments (
    project_id text NOT NULL,
    id text NOT NULL,
    rule_id text NOT NULL,
    related_object_id text NOT NULL,
    related_object_type text NOT NULL,
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.validation_rules (
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
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone
);

CREATE TABLE public.voucher_transactions (
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
    created_at timestamp with time zone NOT NULL
);

CREATE TABLE public.vouchers (
    project_id text NOT NULL,
    id text NOT NULL,
    code text NOT NULL,
    code_key text NOT NULL,
    type text NOT NULL,
    campaign_id text,
    category_id text,
    discount json,
    effect text,
    amount bigint DEFAULT 0 NOT NULL,
    subtracted_amount bigint DEFAULT 0 NOT NULL,
    redeemed_amount bigint DEFAULT 0 NOT NULL,
    points_expired bigint DEFAULT 0 NOT NULL,
    points_pending bigint DEFAULT 0 NOT NULL,
    next_expiration_date date,
    next_expiration_points bigint,
    start_date timestamp with time zone,
    expiration_date timestamp with time zone,
    validity_timeframe json,
    validity_day_of_week json,
    validity_hours json,
    active boolean NOT NULL,
    additional_info text,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_referral_code boolean DEFAULT false NOT NULL,
    holder_id text,
    referrer_id text,
    published bigint DEFAULT 0 NOT NULL,
    quantity bigint,
    redeemed_quantity bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone,
    deleted_at timestamp with time zone,
    sessions_until timestamp with time zone,
    CONSTRAINT vouchers_balance CHECK (((type = 'DISCOUNT_VOUCHER'::text) OR ((((amount - subtracted_amount) - redeemed_amount) - points_expired) >= 0)))
);

ALTER TABLE ONLY public.bin
    ADD CONSTRAINT bin_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.campaign_days
    ADD CONSTRAINT campaign_days_pkey PRIMARY KEY (project_id, campaign_id, day, measure);

ALTER TABLE ONLY public.campaign_templates
    ADD CONSTRAINT campaign_templates_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.categories
    ADD CONSTRAINT categories_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.counters
    ADD CONSTRAINT counters_pkey PRIMARY KEY (project_id, key, slot);

ALTER TABLE ONLY public.custom_events
    ADD CONSTRAINT custom_events_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.customer_campaigns
    ADD CONSTRAINT customer_campaigns_pkey PRIMARY KEY (project_id, customer_id, campaign_id);

ALTER TABLE ONLY public.customer_referrals
    ADD CONSTRAINT customer_referrals_pkey PRIMARY KEY (project_id, customer_id, related_object_id);

ALTER TABLE ONLY public.customers
    ADD CONSTRAINT customers_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.definitions
    ADD CONSTRAINT definitions_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY public.event_counts
    ADD CONSTRAINT event_counts_pkey PRIMARY KEY (project_id, customer_id, type);

ALTER TABLE ONLY public.event_schemas
    ADD CONSTRAINT event_schemas_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.export_parts
    ADD CONSTRAINT export_parts_pkey PRIMARY KEY (project_id, export_id, n);

ALTER TABLE ONLY public.export_seats
    ADD CONSTRAINT export_seats_pkey PRIMARY KEY (project_id, export_id);

ALTER TABLE ONLY public.exports
    ADD CONSTRAINT exports_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.job_rows
    ADD CONSTRAINT job_rows_pkey PRIMARY KEY (project_id, job_id, n);

ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.kept_answers
    ADD CONSTRAINT kept_answers_pkey PRIMARY KEY (project_id, key);

ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.locations
    ADD CONSTRAINT locations_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.metadata_schemas
    ADD CONSTRAINT metadata_schemas_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.migration_lease
    ADD CONSTRAINT migration_lease_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (number);

ALTER TABLE ONLY public.oauth_tokens
    ADD CONSTRAINT oauth_tokens_pkey PRIMARY KEY (project_id, token_hash);

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.permanent_deletions
    ADD CONSTRAINT permanent_deletions_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.product_collections
    ADD CONSTRAINT product_collections_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.projects
    ADD CONSTRAINT projects_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.promotion_stacks
    ADD CONSTRAINT promotion_stacks_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.promotion_tiers
    ADD CONSTRAINT promotion_tiers_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.redeemable_holders
    ADD CONSTRAINT redeemable_holders_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.redemptions
    ADD CONSTRAINT redemptions_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.segment_customers
    ADD CONSTRAINT segment_customers_pkey PRIMARY KEY (project_id, segment_id, customer_id);

ALTER TABLE ONLY public.segments
    ADD CONSTRAINT segments_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (project_id, voucher_id, key);

ALTER TABLE ONLY public.skus
    ADD CONSTRAINT skus_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.stacking_rules
    ADD CONSTRAINT stacking_rules_pkey PRIMARY KEY (project_id);

ALTER TABLE ONLY public.totals
    ADD CONSTRAINT totals_pkey PRIMARY KEY (project_id, noun);

ALTER TABLE ONLY public.validation_rule_assignments
    ADD CONSTRAINT validation_rule_assignments_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.validation_rules
    ADD CONSTRAINT validation_rules_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.voucher_transactions
    ADD CONSTRAINT voucher_transactions_pkey PRIMARY KEY (project_id, id);

ALTER TABLE ONLY public.vouchers
    ADD CONSTRAINT vouchers_pkey PRIMARY KEY (project_id, id);

CREATE UNIQUE INDEX bin_resource ON public.bin USING btree (project_id, resource_type, resource_id);

CREATE UNIQUE INDEX campaign_templates_name ON public.campaign_templates USING btree (project_id, name);

CREATE INDEX campaigns_active ON public.campaigns USING btree (project_id, campaign_type, created_at, id) WHERE (active AND (deleted_at IS NULL));

CREATE INDEX campaigns_created ON public.campaigns USING btree (project_id, created_at NULLS FIRST, id) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX campaigns_name ON public.campaigns USING btree (project_id, name);

CREATE INDEX campaigns_updated ON public.campaigns USING btree (project_id, updated_at NULLS FIRST, id) WHERE (deleted_at IS NULL);

CREATE INDEX custom_events_customer ON public.custom_events USING btree (project_id, customer_id, type, created_at);

CREATE INDEX custom_events_referrer ON public.custom_events USING btree (project_id, ((referral ->> 'referrer_id'::text))) WHERE (referral IS NOT NULL);

CREATE INDEX customers_city ON public.customers USING btree (project_id, address_city);

CREATE INDEX customers_created ON public.customers USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX customers_email ON public.customers USING btree (project_id, email);

CREATE INDEX customers_name ON public.customers USING btree (project_id, name);

CREATE UNIQUE INDEX customers_source_id ON public.customers USING btree (project_id, source_id NULLS FIRST);

CREATE INDEX customers_updated ON public.customers USING btree (project_id, updated_at NULLS FIRST, id);

CREATE UNIQUE INDEX event_schemas_name ON public.event_schemas USING btree (project_id, name);

CREATE INDEX events_customer ON public.events USING btree (project_id, customer_id, created_at NULLS FIRST, id);

CREATE INDEX events_deleted_source ON public.events USING btree (project_id, ((data #>> '{customer,source_id}'::text[]))) WHERE (type = 'customer.deleted'::text);

CREATE INDEX events_referrer ON public.events USING btree (project_id, referrer_id) WHERE (referrer_id IS NOT NULL);

CREATE INDEX events_unhandled ON public.events USING btree (project_id, type) WHERE (NOT handled);

CREATE INDEX exports_created ON public.exports USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX exports_open ON public.exports USING btree (project_id, created_at) WHERE (finished_at IS NULL);

CREATE INDEX exports_status ON public.exports USING btree (project_id, status, id);

CREATE INDEX job_rows_object ON public.job_rows USING btree (project_id, object_id);

CREATE INDEX job_rows_people ON public.job_rows USING btree (project_id, job_id) WHERE (people IS NOT NULL);

CREATE INDEX job_rows_reference ON public.job_rows USING btree (project_id, reference);

CREATE INDEX jobs_created ON public.jobs USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX jobs_open ON public.jobs USING btree (project_id, queue, created_at, id) WHERE (finished_at IS NULL);

CREATE INDEX kept_answers_created ON public.kept_answers USING btree (project_id, created_at);

CREATE INDEX keys_project ON public.keys USING btree (project_id);

CREATE UNIQUE INDEX locations_name ON public.locations USING btree (project_id, name);

CREATE UNIQUE INDEX metadata_schemas_object ON public.metadata_schemas USING btree (project_id, related_object);

CREATE INDEX oauth_tokens_expiry ON public.oauth_tokens USING btree (project_id, expires_at);

CREATE INDEX orders_created ON public.orders USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX orders_customer ON public.orders USING btree (project_id, customer_id, created_at, id);

CREATE INDEX orders_referrer ON public.orders USING btree (project_id, referrer_id) WHERE (referrer_id IS NOT NULL);

CREATE UNIQUE INDEX orders_source_id ON public.orders USING btree (project_id, source_id);

CREATE INDEX orders_updated ON public.orders USING btree (project_id, updated_at NULLS FIRST, id);

CREATE INDEX products_created ON public.products USING btree (project_id, created_at NULLS FIRST, id) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX products_source_id ON public.products USING btree (project_id, source_id);

CREATE INDEX products_updated ON public.products USING btree (project_id, updated_at NULLS FIRST, id) WHERE (deleted_at IS NULL);

CREATE INDEX promotion_stacks_campaign ON public.promotion_stacks USING btree (project_id, campaign_id, created_at, id);

CREATE INDEX promotion_stacks_created ON public.promotion_stacks USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX promotion_tiers_campaign ON public.promotion_tiers USING btree (project_id, campaign_id, hierarchy, id);

CREATE INDEX promotion_tiers_created ON public.promotion_tiers USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX redeemable_holders_customer ON public.redeemable_holders USING btree (project_id, customer_id, id);

CREATE INDEX redemptions_campaign ON public.redemptions USING btree (project_id, campaign_id, created_at, id) WHERE (campaign_id IS NOT NULL);

CREATE INDEX redemptions_created ON public.redemptions USING btree (project_id, created_at, id);

CREATE INDEX redemptions_customer ON public.redemptions USING btree (project_id, customer_id, created_at, id) WHERE (customer_id IS NOT NULL);

CREATE INDEX redemptions_parent ON public.redemptions USING btree (project_id, parent_id, id) WHERE (parent_id IS NOT NULL);

CREATE INDEX redemptions_tier ON public.redemptions USING btree (project_id, promotion_tier_id, created_at, id) WHERE (promotion_tier_id IS NOT NULL);

CREATE INDEX redemptions_voucher ON public.redemptions USING btree (project_id, voucher_id, created_at, id) WHERE (voucher_id IS NOT NULL);

CREATE INDEX segment_customers_customer ON public.segment_customers USING btree (project_id, customer_id);

CREATE INDEX segments_created ON public.segments USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX segments_sync ON public.segments USING btree (project_id, sync_at) WHERE (sync_at IS NOT NULL);

CREATE INDEX sessions_expired ON public.sessions USING btree (project_id, expires_at);

CREATE INDEX sessions_key ON public.sessions USING btree (project_id, key);

CREATE INDEX skus_product ON public.skus USING btree (project_id, product_id, created_at NULLS FIRST, id);

CREATE UNIQUE INDEX skus_source_id ON public.skus USING btree (project_id, source_id);

CREATE INDEX validation_rule_assignments_created ON public.validation_rule_assignments USING btree (project_id, created_at, id);

CREATE INDEX validation_rule_assignments_defined ON public.validation_rule_assignments USING btree (project_id, created_at) WHERE (related_object_type = ANY (ARRAY['campaign'::text, 'promotion_tier'::text]));

CREATE UNIQUE INDEX validation_rule_assignments_object ON public.validation_rule_assignments USING btree (project_id, related_object_id, rule_id);

CREATE INDEX validation_rule_assignments_of_rule ON public.validation_rule_assignments USING btree (project_id, rule_id, created_at, id);

CREATE INDEX validation_rules_created ON public.validation_rules USING btree (project_id, created_at NULLS FIRST, id);

CREATE INDEX voucher_transactions_campaign ON public.voucher_transactions USING btree (project_id, campaign_id, id) WHERE (campaign_id IS NOT NULL);

CREATE INDEX voucher_transactions_voucher ON public.voucher_transactions USING btree (project_id, voucher_id, id);

CREATE INDEX vouchers_campaign ON public.vouchers USING btree (project_id, campaign_id, created_at NULLS FIRST, id) WHERE (campaign_id IS NOT NULL);

CREATE UNIQUE INDEX vouchers_code ON public.vouchers USING btree (project_id, code_key);

CREATE INDEX vouchers_created ON public.vouchers USING btree (project_id, created_at NULLS FIRST, id) WHERE (deleted_at IS NULL);

CREATE INDEX vouchers_holder ON public.vouchers USING btree (project_id, holder_id, created_at, id) WHERE (holder_id IS NOT NULL);

CREATE INDEX vouchers_referrer ON public.vouchers USING btree (project_id, referrer_id) WHERE (referrer_id IS NOT NULL);

CREATE INDEX vouchers_standalone ON public.vouchers USING btree (project_id, created_at, id) WHERE ((campaign_id IS NULL) AND active AND (deleted_at IS NULL));

CREATE INDEX vouchers_updated ON public.vouchers USING btree (project_id, updated_at NULLS FIRST, id) WHERE (deleted_at IS NULL);

ALTER TABLE ONLY public.custom_events
    ADD CONSTRAINT custom_events_customer_fkey FOREIGN KEY (project_id, customer_id) REFERENCES public.customers(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.customer_campaigns
    ADD CONSTRAINT customer_campaigns_customer_fkey FOREIGN KEY (project_id, customer_id) REFERENCES public.customers(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.customer_referrals
    ADD CONSTRAINT customer_referrals_customer_fkey FOREIGN KEY (project_id, customer_id) REFERENCES public.customers(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.event_counts
    ADD CONSTRAINT event_counts_customer_fkey FOREIGN KEY (project_id, customer_id) REFERENCES public.customers(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.export_parts
    ADD CONSTRAINT export_parts_export_fkey FOREIGN KEY (project_id, export_id) REFERENCES public.exports(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.job_rows
    ADD CONSTRAINT job_rows_job_fkey FOREIGN KEY (project_id, job_id) REFERENCES public.jobs(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_project_fkey FOREIGN KEY (project_id) REFERENCES public.projects(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.redeemable_holders
    ADD CONSTRAINT redeemable_holders_customer_fkey FOREIGN KEY (project_id, customer_id) REFERENCES public.customers(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.segment_customers
    ADD CONSTRAINT segment_customers_customer_fkey FOREIGN KEY (project_id, customer_id) REFERENCES public.customers(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.segment_customers
    ADD CONSTRAINT segment_customers_segment_fkey FOREIGN KEY (project_id, segment_id) REFERENCES public.segments(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.skus
    ADD CONSTRAINT skus_product_fkey FOREIGN KEY (project_id, product_id) REFERENCES public.products(project_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.validation_rule_assignments
    ADD CONSTRAINT validation_rule_assignments_rule FOREIGN KEY (project_id, rule_id) REFERENCES public.validation_rules(project_id, id) ON DELETE RESTRICT;
