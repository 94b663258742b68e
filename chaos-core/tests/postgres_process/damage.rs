//! What damage does, and who notices.

use chaos_core::TestResult;
use chaos_core::error::with_sources;
use chaos_core::outcome::sqlstate;
use chaos_core::postgres::{
    Damage, Damaged, Place, Postgres, ServerOptions, bypass_index, bypass_triggers,
    corrupt_control_file, flip_bytes, flip_wal_tail, forge_xmin, invalid_index,
    prepared_transaction, remove_file, remove_wal, rewind_sequence, truncate_file, zero_page,
};
use tokio_postgres::Client as Session;

use super::arena::Stage;
use super::play as play_role;

const ROWS: i64 = 2000;

pub(crate) async fn play(role: &str, stage: &Stage) -> TestResult {
    let options = ServerOptions::new().checksums(role != "unchecked" && role != "forged");
    // Hint bits and vacuums would change pages after the damage was planned.
    let pg = stage.cx.postgres_server_with(options.setting("autovacuum", "off")).await?;
    let tables = format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, word text NOT NULL); \
         INSERT INTO t SELECT n, repeat('w', 200) FROM generate_series(1, {ROWS}) AS n; \
         CREATE TABLE child (parent bigint REFERENCES t); INSERT INTO child VALUES (7); \
         CREATE SEQUENCE numbers; SELECT nextval('numbers') FROM generate_series(1, 50)"
    );
    pg.connect().await?.batch_execute(&tables).await?;
    let admin = pg.admin().await?;
    admin.batch_execute("CREATE EXTENSION amcheck; SELECT count(*) FROM t; CHECKPOINT").await?;
    match role {
        "zeroed" => zeroed(&pg).await,
        "zeroed index" => zeroed_index(&pg).await,
        "flipped" => flipped(&pg).await,
        "unchecked" => unchecked(&pg).await,
        "forged" => forged(&pg).await,
        "truncated" => truncated(&pg).await,
        "removed" => removed(&pg).await,
        "tail" => tail(&pg).await,
        "control" => control(&pg).await,
        "wal" => wal(&pg).await,
        "past an index" => past_an_index(&pg).await,
        "past triggers" => past_triggers(&pg).await,
        "sequence" => sequence(&pg).await,
        "invalid" => invalid(&pg).await,
        "prepared" => prepared(&pg).await,
        "wrong" => wrong(&pg).await,
        "seeded" => seeded(stage, &pg).await,
        other => panic!("unknown role {other}"),
    }
}

async fn damage(pg: &Postgres, damage: Damage) -> TestResult<Damaged> {
    let server = pg.server()?;
    let damaged = server.damage(damage).await?;
    server.start().await?;
    Ok(damaged)
}

async fn number(client: &Session, query: &str) -> TestResult<i64> {
    Ok(client.query_one(query, &[]).await?.get(0))
}

/// What a query fails with.
async fn refusal(client: &Session, query: &str) -> String {
    let error = client.batch_execute(query).await.expect_err(query);
    format!("{} {}", sqlstate(&error).unwrap_or_default(), with_sources(&error))
}

const SCAN: &str = "SET enable_indexscan = off; SET enable_indexonlyscan = off; \
                    SET enable_bitmapscan = off; SELECT count(word) FROM t";

async fn zeroed(pg: &Postgres) -> TestResult {
    let damaged = damage(pg, zero_page("t").page(5)).await?;
    let Place::File { offset, length, .. } = damaged.place else { panic!("{damaged:?}") };
    assert_eq!((offset, length), (5 * 8192, 8192));
    let client = pg.connect().await?;
    let lost = ROWS - number(&client, "SELECT count(word) FROM t").await?;
    assert!((10..60).contains(&lost), "{lost} rows are gone");
    // Nobody notices: not amcheck, not the checksums.
    let admin = pg.admin().await?;
    admin.batch_execute("SELECT bt_index_check('t_pkey', true)").await?;
    if major(pg) >= 14 {
        let found = "SELECT count(*) FROM verify_heapam('t')";
        assert_eq!(number(&admin, found).await?, 0);
    }
    let failures = "SELECT sum(checksum_failures)::bigint FROM pg_stat_database";
    assert_eq!(number(&admin, failures).await?, 0);
    // The primary key accepts a lost number again.
    let gone = number(
        &client,
        "SELECT min(n)::bigint FROM generate_series(1, 2000) AS n \
                                WHERE NOT EXISTS (SELECT word FROM t WHERE id = n)",
    );
    let gone = gone.await?;
    client.execute("INSERT INTO t VALUES ($1, '')", &[&gone]).await?;
    Ok(())
}

fn major(pg: &Postgres) -> u32 {
    pg.version().split('.').next().and_then(|major| major.parse().ok()).unwrap()
}

async fn zeroed_index(pg: &Postgres) -> TestResult {
    damage(pg, zero_page("t_pkey").page(2)).await?;
    let admin = pg.admin().await?;
    let said = refusal(&admin, "SELECT bt_index_check('t_pkey')").await;
    assert!(said.starts_with("XX002") && said.contains("zero page"), "{said}");
    admin.batch_execute("REINDEX INDEX t_pkey; SELECT bt_index_check('t_pkey', true)").await?;
    Ok(())
}

async fn flipped(pg: &Postgres) -> TestResult {
    damage(pg, flip_bytes("t").page(3).offset(4000)).await?;
    let client = pg.connect().await?;
    let said = refusal(&client, SCAN).await;
    assert!(said.starts_with("XX001") && said.contains("invalid page in block 3"), "{said}");
    Ok(())
}

/// The same without checksums.
async fn unchecked(pg: &Postgres) -> TestResult {
    // Its last bytes are the word of its first row.
    damage(pg, flip_bytes("t").page(3).offset(8180)).await?;
    let client = pg.connect().await?;
    client.batch_execute(SCAN).await?;
    let changed = "SELECT count(*) FROM t WHERE word::bytea <> repeat('w', 200)::bytea";
    assert_eq!(number(&client, changed).await?, 1);
    if major(pg) >= 14 {
        let admin = pg.admin().await?;
        let found = "SELECT count(*) FROM verify_heapam('t')";
        assert_eq!(number(&admin, found).await?, 0);
    }
    Ok(())
}

async fn forged(pg: &Postgres) -> TestResult {
    damage(pg, forge_xmin("t").page(4)).await?;
    assert_eq!(number(&pg.connect().await?, "SELECT count(word) FROM t").await?, ROWS);
    if major(pg) >= 14 {
        let rows = pg.admin().await?.query("SELECT msg FROM verify_heapam('t')", &[]).await?;
        let said: String = rows.first().ok_or("nothing was noticed")?.get(0);
        assert!(said.contains("xmin 4294967295"), "{said}");
    }
    Ok(())
}

async fn truncated(pg: &Postgres) -> TestResult {
    damage(pg, truncate_file("t", 10)).await?;
    let client = pg.connect().await?;
    client.batch_execute(SCAN).await?;
    let left = number(&client, "SELECT count(word) FROM t").await?;
    assert!(left > 0 && left < ROWS, "{left} rows are left");
    let by_index = "RESET ALL; SET enable_seqscan = off; SELECT word FROM t WHERE id = 2000";
    let said = refusal(&client, by_index).await;
    assert!(said.starts_with("XX001") && said.contains("could not read block"), "{said}");
    Ok(())
}

async fn removed(pg: &Postgres) -> TestResult {
    damage(pg, remove_file("t")).await?;
    let said = refusal(&pg.connect().await?, SCAN).await;
    assert!(said.starts_with("58P01"), "{said}");
    Ok(())
}

async fn tail(pg: &Postgres) -> TestResult {
    let client = pg.connect().await?;
    for id in 1..=9_i64 {
        client.execute("INSERT INTO t VALUES ($1, 'new')", &[&(ROWS + id)]).await?;
    }
    let ready = {
        let server = pg.server()?;
        server.damage(flip_wal_tail()).await?;
        server.start().await?
    };
    assert!(ready.recovered);
    // The last one was acknowledged.
    let kept = number(&pg.connect().await?, "SELECT count(*) FROM t WHERE word = 'new'").await?;
    assert_eq!(kept, 8);
    Ok(())
}

async fn control(pg: &Postgres) -> TestResult {
    let error = damage(pg, corrupt_control_file()).await.unwrap_err().to_string();
    assert!(error.contains("incorrect checksum in control file"), "{error}");
    Ok(())
}

async fn wal(pg: &Postgres) -> TestResult {
    let error = damage(pg, remove_wal()).await.unwrap_err().to_string();
    assert!(error.contains("could not locate a valid checkpoint record"), "{error}");
    Ok(())
}

async fn past_an_index(pg: &Postgres) -> TestResult {
    let insert = "INSERT INTO t SELECT id, 'twice' FROM t WHERE id <= 2";
    let damaged = pg.server()?.damage(bypass_index("t_pkey", insert)).await?;
    assert_eq!(damaged.place, Place::Database { rows: 2 });
    let client = pg.connect().await?;
    let twice = "SELECT count(*) FROM (SELECT id FROM t GROUP BY id HAVING count(*) > 1) AS twice";
    client.batch_execute(SCAN).await?;
    assert_eq!(number(&client, twice).await?, 2);
    let admin = pg.admin().await?;
    let said = refusal(&admin, "SELECT bt_index_check('t_pkey', true)").await;
    assert!(said.starts_with("XX001") && said.contains("lacks matching index tuple"), "{said}");
    assert!(refusal(&admin, "REINDEX INDEX t_pkey").await.starts_with("23505"));
    Ok(())
}

async fn past_triggers(pg: &Postgres) -> TestResult {
    let delete = "DELETE FROM t WHERE id = 7";
    let client = pg.connect().await?;
    assert!(refusal(&client, delete).await.starts_with("23503"));
    let damaged = pg.server()?.damage(bypass_triggers(delete)).await?;
    assert_eq!(damaged.place, Place::Database { rows: 1 });
    // Only a constraint that is made anew notices.
    let again =
        "ALTER TABLE child ADD CONSTRAINT again FOREIGN KEY (parent) REFERENCES t NOT VALID";
    client.batch_execute(again).await?;
    let said = refusal(&client, "ALTER TABLE child VALIDATE CONSTRAINT again").await;
    assert!(said.starts_with("23503"), "{said}");
    Ok(())
}

async fn sequence(pg: &Postgres) -> TestResult {
    pg.server()?.damage(rewind_sequence("numbers", 3)).await?;
    assert_eq!(number(&pg.connect().await?, "SELECT nextval('numbers')").await?, 3);
    Ok(())
}

async fn invalid(pg: &Postgres) -> TestResult {
    pg.server()?.damage(invalid_index("t", "t_word", "word")).await?;
    let client = pg.connect().await?;
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 't_word'::regclass";
    assert!(!client.query_one(valid, &[]).await?.get::<_, bool>(0));
    // A migration takes it for done.
    let create = "CREATE INDEX CONCURRENTLY IF NOT EXISTS t_word ON t (word)";
    client.batch_execute(create).await?;
    assert!(!client.query_one(valid, &[]).await?.get::<_, bool>(0));
    client.batch_execute("REINDEX INDEX CONCURRENTLY t_word").await?;
    assert!(client.query_one(valid, &[]).await?.get::<_, bool>(0));
    Ok(())
}

async fn prepared(pg: &Postgres) -> TestResult {
    let update = "UPDATE t SET word = 'held' WHERE id = 1";
    pg.server()?.damage(prepared_transaction("forgotten", update)).await?;
    pg.server()?.crash().await?;
    pg.server()?.start().await?;
    let client = pg.connect().await?;
    let said = refusal(&client, &format!("SET lock_timeout = '50ms'; {update}")).await;
    assert!(said.starts_with("55P03"), "{said}");
    pg.admin().await?.batch_execute("ROLLBACK PREPARED 'forgotten'").await?;
    client.batch_execute(update).await?;
    Ok(())
}

async fn wrong(pg: &Postgres) -> TestResult {
    let server = pg.server()?;
    let refused = async |damage: Damage| server.damage(damage).await.unwrap_err().to_string();
    let said = refused(zero_page("nothing")).await;
    assert!(said.contains("zero a page of nothing") && said.contains("no such table"), "{said}");
    let said = refused(bypass_index("nothing", "SELECT 1")).await;
    assert!(said.contains("there is no such index"), "{said}");
    let said = refused(rewind_sequence("nothing", 1)).await;
    assert!(said.contains("there is no such sequence"), "{said}");
    let said = refused(bypass_triggers("DELETE FROM nothing")).await;
    assert!(said.contains("write past triggers and foreign keys"), "{said}");
    let said = refused(zero_page("t").page(1 << 20)).await;
    assert!(said.contains("it has") && said.contains("pages"), "{said}");
    Ok(())
}

/// What is left open is chosen by the seed, and said.
async fn seeded(stage: &Stage, pg: &Postgres) -> TestResult {
    let one = damage(pg, flip_bytes("t")).await?;
    let Damage::FlipBytes { page: Some(page), offset: Some(offset), .. } = one.damage else {
        panic!("{one:?}");
    };
    let said = refusal(&pg.connect().await?, SCAN).await;
    assert!(said.contains(&format!("invalid page in block {page}")), "{said} {offset}");
    // The same bytes once more, and the page is whole again.
    let other = damage(pg, flip_bytes("t")).await?;
    assert_eq!(one.place, other.place);
    pg.connect().await?.batch_execute(SCAN).await?;
    let faults = stage.cx.scope().faults();
    assert_eq!(faults.len(), 2);
    assert!(faults.iter().all(|fault| fault.vacuity().is_none()));
    Ok(())
}

macro_rules! tests {
    ($($name:ident: $role:literal;)*) => {$(
        #[test]
        fn $name() {
            play_role(concat!("damage ", $role));
        }
    )*};
}

tests! {
    rows_of_a_page_of_zeros_are_gone_and_nothing_notices: "zeroed";
    a_page_of_zeros_in_an_index_is_noticed_and_repaired: "zeroed index";
    flipped_bytes_are_noticed_by_a_checksum: "flipped";
    flipped_bytes_are_read_as_they_are_without_checksums: "unchecked";
    a_forged_transaction_is_noticed_by_amcheck_alone: "forged";
    a_truncated_table_ends_early_and_its_index_leads_beyond: "truncated";
    a_removed_file_is_missed: "removed";
    a_flipped_byte_in_the_log_loses_the_last_commit: "tail";
    a_server_does_not_start_on_a_corrupt_control_file: "control";
    a_server_does_not_start_without_its_log: "wal";
    rows_written_past_a_unique_index_are_duplicates: "past an index";
    rows_written_past_triggers_violate_a_foreign_key: "past triggers";
    a_rewound_sequence_gives_numbers_out_again: "sequence";
    an_index_is_left_invalid: "invalid";
    a_prepared_transaction_keeps_its_locks_over_a_crash: "prepared";
    damage_that_makes_no_sense_is_refused: "wrong";
    what_a_damage_leaves_open_is_chosen_by_the_seed: "seeded";
}
