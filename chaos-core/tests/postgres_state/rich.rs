//! A schema with one of everything, and rows in it.

/// What an audit and a snapshot of the schema have to cope with.
pub(crate) const SCHEMA: &str = r#"
CREATE SCHEMA "Sales & Co";
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN small_positive AS positive NOT NULL CHECK (VALUE < 1000);
CREATE TYPE pair AS (a int, b text);

CREATE TABLE customers (
    id serial PRIMARY KEY,
    email text NOT NULL UNIQUE,
    nick text COLLATE "C",
    mood mood DEFAULT 'ok',
    score positive,
    rank small_positive DEFAULT 1,
    CHECK (email LIKE '%@%')
);
CREATE UNIQUE INDEX customers_nick ON customers (lower(nick)) WHERE nick IS NOT NULL;
CREATE INDEX customers_hash ON customers USING hash (email);

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer int REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    total numeric(12, 2) NOT NULL CHECK (total >= 0),
    twice numeric GENERATED ALWAYS AS (total * 2) STORED,
    note text,
    during int4range,
    EXCLUDE USING gist (during WITH &&)
);
CREATE INDEX orders_brin ON orders USING brin (id);

CREATE TABLE "Sales & Co"."Order ""Lines""" (
    "Order Id" bigint REFERENCES orders,
    "r" int,
    "position" int,
    "Größe" text,
    PRIMARY KEY ("Order Id", "position"),
    UNIQUE ("r", "Größe") INCLUDE ("position")
);

CREATE TABLE nodes (
    a int, b int, parent_a int, parent_b int,
    PRIMARY KEY (a, b),
    FOREIGN KEY (parent_a, parent_b) REFERENCES nodes (a, b) MATCH FULL
);

CREATE TABLE events (at date NOT NULL, id int NOT NULL, what jsonb, PRIMARY KEY (at, id))
    PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE seen (at date, id int, FOREIGN KEY (at, id) REFERENCES events);

CREATE TABLE base (id int NOT NULL CHECK (id > 0));
CREATE TABLE derived (extra text) INHERITS (base);
CREATE TABLE empty ();
CREATE UNLOGGED TABLE scratch (id int PRIMARY KEY);

CREATE VIEW rich_customers AS SELECT id, email FROM customers WHERE score > 100;
CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
CREATE UNIQUE INDEX ON totals (customer);

CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION double(x int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT x * 2';
CREATE SEQUENCE downwards INCREMENT -1 MAXVALUE 1000 START 1000;
CREATE TABLE countdown (n int DEFAULT nextval('downwards') PRIMARY KEY);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON orders FOR SELECT USING (customer > 0);
GRANT SELECT ON customers TO PUBLIC;
"#;

/// Rows for it: `count` customers and orders, with values that are stored out of line.
pub(crate) fn rows(count: u32) -> String {
    format!(
        r#"
INSERT INTO customers (email, nick, mood, score)
    SELECT 'c' || i || '@example.org', CASE WHEN i % 2 = 0 THEN 'Nick' || i END,
           (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood, i FROM generate_series(1, {count}) i;
INSERT INTO orders (customer, total, note, during)
    SELECT i, i, CASE WHEN i % 50 = 0 THEN (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 400) j) END,
           int4range(i * 10, i * 10 + 5) FROM generate_series(1, {count}) i;
INSERT INTO "Sales & Co"."Order ""Lines""" SELECT i, i, 1, 'x' FROM generate_series(1, {count}) i;
INSERT INTO nodes VALUES (1, 1, NULL, NULL), (1, 2, 1, 1);
INSERT INTO events SELECT '2025-12-01'::date + i, i, jsonb_build_object('i', i)
    FROM generate_series(1, 100) i;
INSERT INTO seen SELECT at, id FROM events;
INSERT INTO seen VALUES (NULL, 7);
INSERT INTO base VALUES (1); INSERT INTO derived VALUES (2, 'x');
INSERT INTO empty DEFAULT VALUES; INSERT INTO empty DEFAULT VALUES;
INSERT INTO scratch VALUES (1);
INSERT INTO countdown SELECT nextval('downwards') FROM generate_series(1, 5);
REFRESH MATERIALIZED VIEW totals;
"#
    )
}
