//! Labels, storage and refusals.

use tokio_postgres::error::SqlState;

use super::*;
use crate::fault::FaultSpec;
use crate::units::DurationUnits;

fn all() -> Vec<(SessionFault, &'static str)> {
    vec![
        (terminate_sessions().into(), "terminate_sessions"),
        (terminate_sessions().at_most(2).into(), "terminate_sessions 2"),
        (cancel_queries().at_most(1).into(), "cancel_queries 1"),
        (lock_table("a.b").mode(LockMode::Share).into(), "lock_table a.b (SHARE)"),
        (lock_rows("t", "id = 1").into(), "lock_rows t WHERE id = 1"),
        (lock_advisory(-7).into(), "lock_advisory -7"),
        (deadlock("t", "id = 1").into(), "deadlock t WHERE id = 1"),
        (
            deadlock("t", "true").application_survives().times(1).into(),
            "deadlock t WHERE true (the application survives), once",
        ),
        (
            serialization_failure("t", "true").times(3).into(),
            "serialization_failure t WHERE true, 3 times",
        ),
        (exhaust_connections().into(), "exhaust_connections"),
        (exhaust_connections().leaving(2).into(), "exhaust_connections leaving 2"),
        (role_connection_limit(3).into(), "role_connection_limit 3"),
        (database_connection_limit(0).into(), "database_connection_limit 0"),
        (close_database().into(), "close_database"),
        (forbid_login().into(), "forbid_login"),
        (revoke_connect().into(), "revoke_connect"),
        (reject_connections().into(), "reject_connections"),
        (statement_timeout(100.ms()).into(), "statement_timeout = 100ms in new sessions"),
        (
            read_only().open_sessions_too().into(),
            "default_transaction_read_only = on in all sessions",
        ),
        (sql_error("t", SqlState::T_R_SERIALIZATION_FAILURE).into(), "sql_error 40001 on t"),
        (
            sql_error("t", SqlState::T_R_SERIALIZATION_FAILURE).at_commit().times(2).into(),
            "sql_error 40001 on t at commit, 2 times",
        ),
        (slow_writes("t", 1.secs()).into(), "slow_writes 1s on t"),
        (slow_commits("t", 20.ms()).into(), "slow_commits 20ms on t"),
        (forget_prepared_statements("t").into(), "forget_prepared_statements on t"),
        (abort_commits("t").into(), "abort_commits on t"),
        (lose_commit_answers().times(1).into(), "lose_commit_answers, once"),
        (rename_table("t").into(), "rename_table t"),
        (rename_column("t", "c").into(), "rename_column t.c"),
        (add_column("t").into(), "add_column t"),
        (exhaust_sequence("s").into(), "exhaust_sequence s"),
        (rewind_sequence("s", 1).into(), "rewind_sequence s to 1"),
        (hold_snapshot().may_be_idle().into(), "hold_snapshot"),
    ]
}

#[test]
fn labels_say_what_was_written() {
    for (fault, label) in all() {
        assert_eq!(fault.to_string(), label);
        let name = fault.kind.name();
        assert!(label.starts_with(name) || name == "setting", "{label} {name}");
    }
}

#[test]
fn what_is_stored_can_be_read_back_beside_faults_of_links() {
    for (fault, _) in all() {
        let spec = FaultSpec::from(fault);
        let stored = serde_json::to_string(&spec).unwrap();
        assert!(stored.starts_with("{\"session\":{\"kind\":{\"fault\":"), "{stored}");
        assert_eq!(serde_json::from_str::<FaultSpec>(&stored).unwrap(), spec, "{stored}");
    }
    let link = FaultSpec::from(crate::fault::Fault::from(crate::fault::cut()));
    let stored = serde_json::to_string(&link).unwrap();
    assert!(stored.starts_with("{\"kind\":{\"fault\":\"cut\"}"), "{stored}");
    assert_eq!(serde_json::from_str::<FaultSpec>(&stored).unwrap(), link);
}

#[test]
fn what_was_stored_wrongly_is_refused() {
    for stored in [
        r#"{"kind":{"fault":"sql_error","table":"t","sqlstate":"4","moment":"commit"}}"#,
        r#"{"kind":{"fault":"terminate_sessions","at_most":0}}"#,
        r#"{"kind":{"fault":"lock_table","table":"t","mode":"sharing"}}"#,
    ] {
        assert!(serde_json::from_str::<SessionFault>(stored).is_err(), "{stored}");
    }
}
