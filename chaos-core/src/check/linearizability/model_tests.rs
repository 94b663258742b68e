//! What each model allows and what it does not, in short histories.

use super::*;
use crate::check::invariants::testing::history;

#[track_caller]
fn assert_is<M: Model>(model: M, text: &str, validity: Validity) {
    let report = Linearizability::of(model).check(&history(text)).unwrap();
    assert_eq!(report.validity, validity, "{report}");
}

use Validity::{Valid, Violated};

#[test]
fn a_text_grows_by_what_is_appended() {
    let text = |read: &str| {
        format!("0 < put \"a\"\n1 < append \"b\"\n0 ok \"a\"\n1 ok \"b\"\n2 < get\n2 ok {read}")
    };
    assert_is(Text, &text("\"ab\""), Valid);
    assert_is(Text, &text("\"a\""), Valid);
    assert_is(Text, &text("\"ba\""), Violated);
    assert_is(Text, &text("\"\""), Violated);
}

#[test]
fn a_map_is_read_by_key_and_as_a_whole() {
    let text = |scan: &str| {
        format!(
            "0 < put [\"a\",1]\n0 ok [\"a\",1]\n1 < put [\"b\",2]\n2 < scan\n2 ok {scan}\n1 info"
        )
    };
    assert_is(Map, &text(r#"{"a":1}"#), Valid);
    assert_is(Map, &text(r#"{"a":1,"b":2}"#), Valid);
    assert_is(Map, &text(r#"{"b":2}"#), Violated);
    let cas = |old: &str| {
        format!(
            "0 < put [7,1]\n0 ok [7,1]\n0 < cas [7,[{old},5]]\n0 ok [7,[{old},5]]\n1 < get [7,null]\n1 ok [7,5]"
        )
    };
    assert_is(Map, &cas("1"), Valid);
    assert_is(Map, &cas("2"), Violated);
    let removed = "0 < put [7,1]\n0 ok [7,1]\n0 < remove [7,null]\n0 ok [7,null]\n1 < get [7,null]\n1 ok [7,null]";
    assert_is(Map, removed, Valid);
    // Two keys that are seen in opposite orders: each key by itself is linearizable.
    let fork = "0 < put [1,1]\n1 < put [2,1]\n2 < get [1,null]\n2 ok [1,1]\n2 < get [2,null]\n2 ok [2,null]\n\
                3 < get [2,null]\n3 ok [2,1]\n3 < get [1,null]\n3 ok [1,null]\n0 info\n1 info";
    assert_is(Map, fork, Violated);
    assert_is(Register, "0 < write 1\n0 ok 1\n0 < cas [1,2]\n0 info\n1 < read\n1 ok 2", Valid);
}

#[test]
fn a_command_takes_effect_once_whatever_is_asked_the_second_time() {
    let text = |second: &str, read: &str| {
        format!(
            "0 < apply [\"k\",1]\n0 info\n1 < apply [\"k\",2]\n1 ok [\"k\",{second}]\n2 < read\n2 ok {read}"
        )
    };
    assert_is(Once, &text("1", r#"{"k":1}"#), Valid);
    assert_is(Once, &text("2", r#"{"k":2}"#), Valid);
    assert_is(Once, &text("2", r#"{"k":1}"#), Violated);
    assert_is(Once, &text("1", "{}"), Violated);
}

#[test]
fn a_stale_token_writes_nothing() {
    let text = |last: &str| {
        format!(
            "0 < acquire\n0 ok 1\n1 < acquire\n1 ok {{\"token\":2}}\n1 < write 2\n1 ok 2\n0 < write 1\n0 {last} 1"
        )
    };
    assert_is(FencedLease, &text("ok"), Violated);
    assert_is(FencedLease, &text("fail"), Valid);
    assert_is(FencedLease, &text("info"), Valid);
    assert_is(FencedLease, "0 < acquire\n0 ok 2\n1 < acquire\n1 ok 2", Violated);
}

#[test]
fn a_set_is_scanned() {
    let text =
        |scan: &str| format!("0 < add 1\n0 ok 1\n1 < remove 1\n1 ok 1\n2 < scan\n2 ok {scan}");
    assert_is(Set, &text("[]"), Valid);
    assert_is(Set, &text("[1]"), Violated);
}
