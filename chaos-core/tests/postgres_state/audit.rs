//! Damage of every kind is found, and a sound database has none.

use chaos_core::TestResult;
use chaos_core::event::EventKind;
use chaos_core::postgres::Postgres;
use chaos_core::postgres::audit::{Audit, FindingKind, NoteKind};
use chaos_core::postgres::fingerprint::FingerprintError;
use chaos_core::postgres::{Damage, flip_bytes, forge_xmin, remove_file, truncate_file, zero_page};

use crate::arena::Stage;
use crate::{act, done, rich};

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let pg = stage.cx.postgres_server().await?;
    match role {
        "clean" => clean(stage, &pg).await?,
        "damage" => damage(stage, &pg).await?,
        "print" => fingerprints(&pg).await?,
        "owner" => without_powers(&pg).await?,
        "pages" => pages(stage).await?,
        other => panic!("unknown role {other}"),
    }
    done(stage)
}

async fn fill(pg: &Postgres, rows: u32) -> TestResult {
    let client = pg.connect().await?;
    client.batch_execute(rich::SCHEMA).await?;
    client.batch_execute(&rich::rows(rows)).await?;
    Ok(())
}

#[test]
fn a_sound_database_has_no_findings_and_is_left_as_it_was() {
    act("audit clean");
}

async fn clean(stage: &Stage, pg: &Postgres) -> TestResult {
    let empty = pg.audit().await?;
    assert_eq!(empty.findings(), [], "{empty}");
    assert!(empty.is_complete() || pg.version().starts_with("13."), "{empty}");

    fill(pg, 300).await?;
    let before = pg.fingerprint().await?;
    let admin = pg.admin().await?;
    let catalog = "SELECT (SELECT count(*) FROM pg_class) + (SELECT count(*) FROM pg_proc) \
                   + (SELECT count(*) FROM pg_extension) + (SELECT count(*) FROM pg_namespace)";
    let objects: i64 = admin.query_one(catalog, &[]).await?.get(0);
    // Whoever works is not idle, and nobody disturbs the other.
    let worker = pg.connect().await?;
    let at_work = async {
        for _ in 0..200 {
            worker.batch_execute("BEGIN; SELECT 1").await?;
            worker.batch_execute("UPDATE scratch SET id = id; COMMIT").await?;
        }
        TestResult::Ok(())
    };
    let (audit, worked) = tokio::join!(pg.audit().against(&before), at_work);
    worked?;
    let audit = audit?;
    assert_eq!(audit.findings(), [], "{audit}");
    let noted = |kind: NoteKind, subject: &str| {
        audit.notes().iter().any(|note| note.kind == kind && note.subject.contains(subject))
    };
    assert!(noted(NoteKind::Unlogged, "public.scratch"), "{audit}");
    // gist, hash and brin are not passed over in silence, and nothing else is left out.
    assert!(noted(NoteKind::NotDone, "structure of indexes"), "{audit}");
    let old = u32::from(pg.version().starts_with("13."));
    let left_out = audit.notes().iter().filter(|note| note.kind == NoteKind::NotDone).count();
    assert_eq!(left_out, 1 + old as usize, "{audit}");
    assert_eq!(admin.query_one(catalog, &[]).await?.get::<_, i64>(0), objects);
    audit.into_result()?;
    let events = stage.cx.scope().journal().events();
    let check = events.iter().rev().find_map(|event| match &event.what {
        EventKind::Check { name, passed, .. } => Some((name.clone(), *passed)),
        _ => None,
    });
    assert_eq!(check, Some(("the audit finds nothing".to_owned(), true)));

    // The same where the extensions are there already, in a schema with a name.
    admin
        .batch_execute(
            "CREATE SCHEMA \"my tools\"; CREATE EXTENSION amcheck SCHEMA \"my tools\"; \
             CREATE EXTENSION pageinspect",
        )
        .await?;
    let audit = pg.audit().await?;
    assert_eq!(audit.findings(), [], "{audit}");
    Ok(())
}

#[test]
fn every_kind_of_damage_that_sql_can_do_is_found_for_what_it_is() {
    act("audit damage");
}

/// How each kind of damage is done, what an audit has to say of it, and how it is undone.
const DAMAGE: &[(FindingKind, &str, &str, &str)] = &[
    (
        FindingKind::ForeignKeyViolation,
        "SET session_replication_role = replica; DELETE FROM customers WHERE id IN (3, 5)",
        "orders_customer_fkey on public.orders: 2 rows refer to rows of public.customers that do not exist: (customer) = {(3),(5)}",
        "INSERT INTO customers (id, email) VALUES (3, 'a@x'), (5, 'b@x')",
    ),
    (
        FindingKind::ForeignKeyViolation,
        "SET session_replication_role = replica; DELETE FROM events WHERE id = 50",
        "seen_at_id_fkey on public.seen: 1 rows refer to rows of public.events",
        "INSERT INTO events SELECT at, id FROM seen WHERE id = 50",
    ),
    (
        FindingKind::ForeignKeyViolation,
        "SET session_replication_role = replica; INSERT INTO nodes VALUES (9, 9, 1, NULL)",
        "nodes_parent_a_parent_b_fkey on public.nodes: 1 rows",
        "DELETE FROM nodes WHERE a = 9",
    ),
    (
        FindingKind::ForeignKeyViolation,
        r#"CREATE TABLE places ("c.a" text, b text, PRIMARY KEY ("c.a", b));
         CREATE TABLE visits ("c.a" text, b text, FOREIGN KEY ("c.a", b) REFERENCES places);
         CREATE INDEX ON visits (b);
         SET session_replication_role = replica; INSERT INTO visits VALUES ('(c.x, c.y', 'z')"#,
        r#"("c.a", b) = {"(\"(c.x, c.y\",z)"}"#,
        "DROP TABLE visits, places",
    ),
    (
        FindingKind::UniqueViolation,
        "UPDATE pg_index SET indisready = false, indisvalid = false
          WHERE indexrelid = 'customers_email_key'::regclass;
         INSERT INTO customers (email) VALUES ('c1@example.org');
         UPDATE pg_index SET indisready = true, indisvalid = true
          WHERE indexrelid = 'customers_email_key'::regclass",
        "public.customers_email_key on public.customers: 1 keys are there more than once, in 2 rows: (email) = {(c1@example.org)}",
        "DELETE FROM customers WHERE id > 300; REINDEX TABLE customers",
    ),
    (
        FindingKind::UniqueViolation,
        "UPDATE pg_index SET indisready = false, indisvalid = false
          WHERE indexrelid = 'customers_nick'::regclass;
         INSERT INTO customers (email, nick) VALUES ('new@x', 'NICK2');
         UPDATE pg_index SET indisready = true, indisvalid = true
          WHERE indexrelid = 'customers_nick'::regclass",
        "public.customers_nick on public.customers: 1 keys",
        "DELETE FROM customers WHERE email = 'new@x'; REINDEX TABLE customers",
    ),
    (
        FindingKind::IndexCorruption,
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'orders_pkey'::regclass;
         INSERT INTO orders (total) VALUES (7);
         UPDATE pg_index SET indisready = true WHERE indexrelid = 'orders_pkey'::regclass",
        "public.orders_pkey on public.orders: heap tuple",
        "DELETE FROM orders WHERE total = 7 AND customer IS NULL; REINDEX TABLE orders",
    ),
    (
        FindingKind::ExclusionViolation,
        "UPDATE pg_index SET indisready = false WHERE indexrelid = 'orders_during_excl'::regclass;
         INSERT INTO orders (total, during) VALUES (77, '[12,13)');
         UPDATE pg_index SET indisready = true WHERE indexrelid = 'orders_during_excl'::regclass",
        "orders_during_excl on public.orders: 1 pairs of rows",
        "DELETE FROM orders WHERE total = 77 AND customer IS NULL; REINDEX TABLE orders",
    ),
    (
        FindingKind::CheckViolation,
        "ALTER TABLE orders DROP CONSTRAINT orders_total_check;
         UPDATE orders SET total = -1 WHERE id IN (7, 8);
         ALTER TABLE orders ADD CONSTRAINT orders_total_check CHECK (total >= 0) NOT VALID;
         UPDATE pg_constraint SET convalidated = true WHERE conname = 'orders_total_check'",
        "orders_total_check on public.orders: 2 rows violate CHECK (total >= 0",
        "UPDATE orders SET total = id WHERE total = -1",
    ),
    (
        FindingKind::NotNullViolation,
        "ALTER TABLE orders ALTER total DROP NOT NULL;
         UPDATE orders SET total = NULL WHERE id = 9;
         UPDATE pg_attribute SET attnotnull = true
          WHERE attrelid = 'orders'::regclass AND attname = 'total'",
        "public.orders.\"total\": 1 rows have no value",
        "UPDATE orders SET total = 9 WHERE id = 9",
    ),
    (
        FindingKind::DomainViolation,
        "ALTER DOMAIN positive DROP CONSTRAINT positive_check;
         UPDATE customers SET score = -5 WHERE id = 11;
         ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 0) NOT VALID;
         UPDATE pg_constraint SET convalidated = true WHERE conname = 'positive_check'",
        "public.customers.\"score\": value for domain positive violates check constraint \"positive_check\" (SQLSTATE 23514)",
        "UPDATE customers SET score = 5 WHERE id = 11",
    ),
    (
        FindingKind::InvalidIndex,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_pkey'::regclass",
        "public.orders_pkey on public.orders: it is invalid",
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'orders_pkey'::regclass",
    ),
    (
        FindingKind::NotValidated,
        "ALTER TABLE orders ADD CONSTRAINT cheap CHECK (total < 100000) NOT VALID",
        "cheap on public.orders: it is NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT cheap",
    ),
    (
        FindingKind::NotEnforced,
        "ALTER TABLE orders DISABLE TRIGGER ALL",
        "orders_customer_fkey on public.orders: 2 of its triggers",
        "ALTER TABLE orders ENABLE TRIGGER ALL",
    ),
    (
        FindingKind::SequenceBehind,
        "SELECT setval('customers_id_seq', 17, false)",
        "public.customers_id_seq: its next value is 17, and public.customers.\"id\" has 3",
        "SELECT setval('customers_id_seq', 5000)",
    ),
    (
        FindingKind::SequenceBehind,
        "SELECT setval('orders_id_seq', 299)",
        "public.orders_id_seq: its next value is 300, and",
        "SELECT setval('orders_id_seq', 5000)",
    ),
    (
        FindingKind::SequenceBehind,
        "SELECT setval('downwards', 997)",
        "public.downwards: its next value is 996, and public.countdown.\"n\" has 996",
        "SELECT setval('downwards', 900)",
    ),
    (
        FindingKind::PreparedTransaction,
        "BEGIN; UPDATE orders SET note = 'prepared' WHERE id = 1; PREPARE TRANSACTION 'it''s mine'",
        "it's mine: prepared by postgres at",
        "ROLLBACK PREPARED 'it''s mine'",
    ),
    (
        FindingKind::IdleInTransaction,
        "SET application_name = 'sleepy head'; BEGIN; UPDATE scratch SET id = id",
        "application 'sleepy head'",
        "ROLLBACK",
    ),
];

async fn damage(stage: &Stage, pg: &Postgres) -> TestResult {
    fill(pg, 300).await?;
    for (kind, doing, words, undoing) in DAMAGE {
        let vandal = pg.admin().await?;
        vandal.batch_execute(doing).await?;
        let audit = pg.audit().await?;
        let told = audit.of_kind(*kind).any(|finding| finding.to_string().contains(words));
        assert!(told, "{kind:?}: {audit}");
        let mut others: Vec<_> = audit.findings().iter().map(|finding| finding.kind).collect();
        others.dedup();
        let expected = match kind {
            // What makes the duplicates leaves rows out of the index, which is found too.
            FindingKind::UniqueViolation => vec![FindingKind::IndexCorruption, *kind],
            _ => vec![*kind],
        };
        assert_eq!(others, expected, "{audit}");
        let allowed = expected.iter().fold(pg.audit(), |audit, kind| audit.allowing(*kind));
        assert!(allowed.await?.is_clean());

        let stored = serde_json::to_string(&audit)?;
        assert_eq!(serde_json::from_str::<Audit>(&stored)?, audit);
        let failed = audit.into_result().unwrap_err();
        assert!(failed.to_string().contains(words), "{failed}");
        assert!(failed.location().file().ends_with("audit.rs"));
        let recorded = stage.cx.scope().journal().events().into_iter().any(|event| {
            matches!(event.what, EventKind::Check { passed: false, found: Some(found), .. }
                     if found.contains(words))
        });
        assert!(recorded);

        vandal.batch_execute("RESET ALL").await?;
        vandal.batch_execute(undoing).await?;
        let audit = pg.audit().await?;
        assert_eq!(audit.findings(), [], "after {kind:?} was undone: {audit}");
    }
    Ok(())
}

#[test]
fn a_fingerprint_tells_content_and_nothing_else() {
    act("audit print");
}

async fn fingerprints(pg: &Postgres) -> TestResult {
    fill(pg, 500).await?;
    let client = pg.connect().await?;
    let before = pg.fingerprint().await?;
    assert_eq!(before.tables()["public.orders"].rows(), 500);
    assert_eq!(before.tables()["public.empty"].rows(), 2);
    assert_eq!(before.tables()["\"Sales & Co\".\"Order \"\"Lines\"\"\""].rows(), 500);

    // The order of rows does not matter, nor do the settings of whoever looks.
    client.batch_execute("UPDATE orders SET total = total").await?;
    client.batch_execute("VACUUM FULL orders").await?;
    let owner = pg.database();
    client.batch_execute(&format!("ALTER DATABASE {owner} SET timezone = 'Asia/Tokyo'")).await?;
    client.batch_execute(&format!("ALTER DATABASE {owner} SET statement_timeout = '1ms'")).await?;
    assert_eq!(before.differences(&pg.fingerprint().await?), []);

    let client = pg.admin().await?;
    client.batch_execute("SET statement_timeout = 0").await?;
    client.batch_execute("UPDATE orders SET note = 'changed' WHERE id = 77").await?;
    client.batch_execute("INSERT INTO seen VALUES (NULL, 7)").await?;
    client.batch_execute("CREATE TABLE fresh (); DROP TABLE scratch").await?;
    let after = pg.fingerprint().await?;
    let words: Vec<_> = before.differences(&after).iter().map(ToString::to_string).collect();
    assert_eq!(
        words,
        [
            "table public.fresh: a new table with 0 rows",
            "table public.orders: 500 rows as before, but their content differs",
            "table public.scratch: 1 rows before, the table is gone",
            "table public.seen: 101 rows before, 102 now",
        ]
    );
    let audit = pg.audit().against(&before).await?;
    assert_eq!(audit.of_kind(FindingKind::ContentChanged).count(), 4, "{audit}");

    // What is left out is not compared, and what does not exist cannot be left out.
    let part = || pg.fingerprint().without_column_of("orders", "note").without_table("public.seen");
    let before = part().await?;
    client.batch_execute("UPDATE orders SET note = 'x'; DELETE FROM seen").await?;
    assert_eq!(before.differences(&part().await?), []);
    assert_eq!(pg.audit().against(&before).await?.findings(), []);
    client.batch_execute("UPDATE orders SET total = 5 WHERE id = 1").await?;
    assert_eq!(before.differences(&part().await?).len(), 1);

    let error = pg.fingerprint().without_table("order").await.unwrap_err();
    assert!(matches!(error, FingerprintError::UnknownTable { .. }));
    assert!(error.to_string().contains("`order`; the database has \"Sales & Co\""), "{error}");
    let error = pg.fingerprint().without_column("nope").await.unwrap_err();
    assert_eq!(error.to_string(), "no table has a column `nope`");
    let error = pg.fingerprint().without_column_of("orders", "email").await.unwrap_err();
    assert_eq!(error.to_string(), "no table called `orders` has a column `email`");
    Ok(())
}

#[test]
fn what_cannot_be_looked_at_is_told() {
    act("audit owner");
}

/// A table that somebody has locked is not waited for without end.
async fn without_powers(pg: &Postgres) -> TestResult {
    fill(pg, 10).await?;
    let locker = pg.connect().await?;
    locker.batch_execute("BEGIN; LOCK TABLE seen IN ACCESS EXCLUSIVE MODE").await?;
    let audit = pg.audit().await?;
    assert!(!audit.is_complete());
    let told = audit.notes().iter().any(|note| {
        note.subject == "reading public.seen" && note.message.contains("(SQLSTATE 55P03)")
    });
    assert!(told, "{audit}");
    let kinds: Vec<_> = audit.findings().iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::IdleInTransaction], "{audit}");
    Ok(())
}

#[test]
fn damaged_pages_are_found_and_so_is_what_amcheck_cannot_see() {
    act("audit pages");
}

/// How a table `t` of 2,000 rows, or its index, is damaged, and what has to be said of it. The first
/// one needs no fingerprint.
fn damages() -> Vec<(Damage, FindingKind, &'static str)> {
    vec![
        (
            zero_page("t").page(5),
            FindingKind::LostRows,
            "public.t_pkey lead to rows that are not there, on 1 pages that are empty or missing, the first of which is block 5",
        ),
        (truncate_file("t", 8), FindingKind::LostRows, "the first of which is block 8"),
        (
            flip_bytes("t").page(3),
            FindingKind::UnreadableTable,
            "public.t: invalid page in block 3",
        ),
        (remove_file("t"), FindingKind::UnreadableTable, "(SQLSTATE 58P01)"),
        (zero_page("t_pkey").page(2), FindingKind::IndexCorruption, "(SQLSTATE XX002)"),
        (flip_bytes("t_pkey").page(2), FindingKind::IndexCorruption, "(SQLSTATE XX001)"),
        (forge_xmin("t").page(4), FindingKind::HeapCorruption, "public.t: invalid page in block 4"),
    ]
}

async fn pages(stage: &Stage) -> TestResult {
    for (damage, kind, words) in damages() {
        // Its own, because up to version 14 what was counted of the last damage arrives at any time.
        let pg = &stage.cx.postgres_server().await?;
        let server = pg.server()?;
        if kind == FindingKind::HeapCorruption && pg.version().starts_with("13.") {
            continue;
        }
        let admin = pg.admin().await?;
        admin
            .batch_execute(
                "CREATE TABLE t (id int PRIMARY KEY, filler text);
                 INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(1, 2000) i",
            )
            .await?;
        let before = pg.fingerprint().await?;
        pg.audit().against(&before).await?.into_result()?;
        let name = format!("{damage:?}");
        server.damage(damage).await?;
        server.start().await?;

        let audit = pg.audit().await?;
        let told = audit.of_kind(kind).any(|finding| finding.to_string().contains(words));
        assert!(told, "{name}: {audit}");
        if kind == FindingKind::LostRows {
            // What all else would have missed.
            assert_eq!(audit.findings().len(), 1, "{name}: {audit}");
            let audit = pg.audit().against(&before).await?;
            assert_eq!(audit.of_kind(FindingKind::ContentChanged).count(), 1, "{name}: {audit}");
        }
        let admin = pg.admin().await?;
        if kind == FindingKind::HeapCorruption {
            // Once somebody has read past the checksum the page is believed, and only its structure
            // tells.
            let read = "SET ignore_checksum_failure = on; SELECT count(*) FROM t";
            admin.batch_execute(read).await?;
            let audit = pg.audit().await?;
            let told = audit.of_kind(kind).any(|finding| {
                finding.evidence.starts_with("block 4, item") && finding.evidence.contains("xmin")
            });
            assert!(told, "{audit}");
        }
    }
    Ok(())
}
