-- What a shop sells, what its customers bought and did, and what is defined over that.

-- Numbers the definitions (metadata schemas, event schemas, segments) of a project, so that a
-- process knows when those it remembers are old. No row: nothing was ever defined.
CREATE TABLE IF NOT EXISTS definitions (
    project_id text NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT definitions_pkey PRIMARY KEY (project_id)
);

CREATE TABLE IF NOT EXISTS metadata_schemas (
    project_id text NOT NULL,
    id text NOT NULL,
    related_object text NOT NULL,
    properties jsonb NOT NULL,
    allow_defined_only boolean,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT metadata_schemas_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS metadata_schemas_object
    ON metadata_schemas (project_id, related_object);

CREATE TABLE IF NOT EXISTS event_schemas (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    properties jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT event_schemas_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS event_schemas_name ON event_schemas (project_id, name);

CREATE TABLE IF NOT EXISTS categories (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    hierarchy integer NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT categories_pkey PRIMARY KEY (project_id, id)
);

CREATE TABLE IF NOT EXISTS locations (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    shape jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT locations_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS locations_name ON locations (project_id, name);

-- What was moved to the bin stays where it was, with `deleted_at`: its source id stays taken until
-- the entry in the bin is deleted too.
CREATE TABLE IF NOT EXISTS products (
    project_id text NOT NULL,
    id text NOT NULL,
    source_id text,
    name text,
    price bigint,
    attributes jsonb NOT NULL,
    image_url text,
    metadata jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT products_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS products_source_id ON products (project_id, source_id);
CREATE INDEX IF NOT EXISTS products_created ON products (project_id, created_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS products_updated ON products (project_id, updated_at NULLS FIRST, id)
    WHERE deleted_at IS NULL;

CREATE TABLE IF NOT EXISTS skus (
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
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT skus_pkey PRIMARY KEY (project_id, id),
    CONSTRAINT skus_product_fkey FOREIGN KEY (project_id, product_id)
        REFERENCES products (project_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX IF NOT EXISTS skus_source_id ON skus (project_id, source_id);
CREATE INDEX IF NOT EXISTS skus_product
    ON skus (project_id, product_id, created_at NULLS FIRST, id);

CREATE TABLE IF NOT EXISTS product_collections (
    project_id text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    type text NOT NULL
        CONSTRAINT product_collections_type_check CHECK (type IN ('STATIC', 'AUTO_UPDATE')),
    filter json,
    products jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT product_collections_pkey PRIMARY KEY (project_id, id)
);

CREATE TABLE IF NOT EXISTS bin (
    project_id text NOT NULL,
    id text NOT NULL,
    resource_id text NOT NULL,
    resource_type text NOT NULL,
    resource_name text NOT NULL,
    resource_parent_id text,
    created_at timestamptz NOT NULL,
    CONSTRAINT bin_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS bin_resource ON bin (project_id, resource_type, resource_id);

-- Amounts are in minor units. `items` is as it is answered. A deleted customer's orders stay.
CREATE TABLE IF NOT EXISTS orders (
    project_id text NOT NULL,
    id text NOT NULL,
    source_id text,
    status text NOT NULL
        CONSTRAINT orders_status_check
        CHECK (status IN ('CREATED', 'PAID', 'FULFILLED', 'CANCELED')),
    customer_id text,
    referrer_id text,
    amount bigint NOT NULL,
    initial_amount bigint,
    discount_amount bigint NOT NULL,
    items_discount_amount bigint NOT NULL,
    total_discount_amount bigint NOT NULL,
    total_amount bigint NOT NULL,
    applied_discount_amount bigint NOT NULL DEFAULT 0,
    items_applied_discount_amount bigint NOT NULL DEFAULT 0,
    total_applied_discount_amount bigint NOT NULL DEFAULT 0,
    items json NOT NULL,
    metadata jsonb NOT NULL,
    redemptions jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz,
    CONSTRAINT orders_pkey PRIMARY KEY (project_id, id)
);
CREATE UNIQUE INDEX IF NOT EXISTS orders_source_id ON orders (project_id, source_id);
CREATE INDEX IF NOT EXISTS orders_created ON orders (project_id, created_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS orders_updated ON orders (project_id, updated_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS orders_referrer ON orders (project_id, referrer_id)
    WHERE referrer_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_customer ON orders (project_id, customer_id, created_at, id);

CREATE TABLE IF NOT EXISTS custom_events (
    project_id text NOT NULL,
    id text NOT NULL,
    type text NOT NULL,
    customer_id text NOT NULL,
    metadata jsonb NOT NULL,
    referral jsonb,
    loyalty jsonb,
    created_at timestamptz NOT NULL,
    CONSTRAINT custom_events_pkey PRIMARY KEY (project_id, id),
    CONSTRAINT custom_events_customer_fkey FOREIGN KEY (project_id, customer_id)
        REFERENCES customers (project_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS custom_events_customer
    ON custom_events (project_id, customer_id, type, created_at);

CREATE INDEX IF NOT EXISTS custom_events_referrer
    ON custom_events (project_id, (referral ->> 'referrer_id')) WHERE referral IS NOT NULL;

-- How often a customer did what, moved by the event itself.
CREATE TABLE IF NOT EXISTS event_counts (
    project_id text NOT NULL,
    customer_id text NOT NULL,
    type text NOT NULL,
    n bigint NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT event_counts_pkey PRIMARY KEY (project_id, customer_id, type),
    CONSTRAINT event_counts_customer_fkey FOREIGN KEY (project_id, customer_id)
        REFERENCES customers (project_id, id) ON DELETE CASCADE
);

-- `sync_at` is when a segment's members have to be gone through again, `sync_after` the last
-- customer of the round that is on.
ALTER TABLE segments ADD COLUMN IF NOT EXISTS type text NOT NULL DEFAULT 'static';
ALTER TABLE segments ADD COLUMN IF NOT EXISTS filter json;
ALTER TABLE segments ADD COLUMN IF NOT EXISTS updated_at timestamptz;
ALTER TABLE segments ADD COLUMN IF NOT EXISTS initial_sync_status text NOT NULL DEFAULT 'DONE';
ALTER TABLE segments ADD COLUMN IF NOT EXISTS sync_at timestamptz;
ALTER TABLE segments ADD COLUMN IF NOT EXISTS sync_after text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS segments_created ON segments (project_id, created_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS segments_sync ON segments (project_id, sync_at)
    WHERE sync_at IS NOT NULL;

ALTER TABLE job_rows ADD COLUMN IF NOT EXISTS people text[];
CREATE INDEX IF NOT EXISTS job_rows_people ON job_rows (project_id, job_id) WHERE people IS NOT NULL;

CREATE TABLE IF NOT EXISTS exports (
    project_id text NOT NULL,
    id text NOT NULL,
    exported_object text NOT NULL,
    parameters json NOT NULL,
    status text NOT NULL
        CONSTRAINT exports_status_check
        CHECK (status IN ('SCHEDULED', 'IN_PROGRESS', 'DONE', 'ERROR')),
    parts integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT exports_pkey PRIMARY KEY (project_id, id)
);
CREATE INDEX IF NOT EXISTS exports_created ON exports (project_id, created_at NULLS FIRST, id);
CREATE INDEX IF NOT EXISTS exports_status ON exports (project_id, status, id);
CREATE INDEX IF NOT EXISTS exports_open ON exports (project_id, created_at)
    WHERE finished_at IS NULL;

CREATE TABLE IF NOT EXISTS export_parts (
    project_id text NOT NULL,
    export_id text NOT NULL,
    n integer NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT export_parts_pkey PRIMARY KEY (project_id, export_id, n),
    CONSTRAINT export_parts_export_fkey FOREIGN KEY (project_id, export_id)
        REFERENCES exports (project_id, id) ON DELETE CASCADE
);

-- The functions that follow say in SQL what engine/calendar and engine/geo say, number for number.

-- Orders' events that tell of a referrer, who may be forgotten.
ALTER TABLE events ADD COLUMN IF NOT EXISTS referrer_id text;
CREATE INDEX IF NOT EXISTS events_referrer ON events (project_id, referrer_id)
    WHERE referrer_id IS NOT NULL;

-- Who writes an export holds its seat, and not the export itself, which so can be deleted at any
-- time; a seat outlives its export until a writer finds it.
CREATE TABLE IF NOT EXISTS export_seats (
    project_id text NOT NULL,
    export_id text NOT NULL,
    CONSTRAINT export_seats_pkey PRIMARY KEY (project_id, export_id)
);

-- The instant that an ISO-8601 text names, null where it names none. Without an offset it is UTC.
CREATE OR REPLACE FUNCTION instant_of(text) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
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
$$;

-- The latitude and longitude of a text such as `52.2,21.0`; null where it is no point on earth.
CREATE OR REPLACE FUNCTION point_of(text) RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
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
$$;

-- Whether a point is no farther than so many kilometers from a latitude and longitude.
CREATE OR REPLACE FUNCTION is_within_km(
    here double precision[], latitude double precision, longitude double precision,
    km double precision
) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2 * 6371.0088::double precision * asin(sqrt(least(
        1,
        power(sin((radians(here[1]) - radians(latitude)) / 2), 2)
            + cos(radians(latitude)) * cos(radians(here[1]))
            * power(sin(radians(here[2] - longitude) / 2), 2)
    ))) <= km
$$;

-- Whether a point is in one of GeoJSON's polygons: within its first ring and in no other.
CREATE OR REPLACE FUNCTION is_in_polygons(here double precision[], polygons jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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
