use super::*;

fn event(ms: u64, what: EventKind) -> Event {
    Event::new(Duration::from_millis(ms), what)
}

fn started() -> Event {
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() - 60_000;
    event(
        5,
        EventKind::AttemptStarted {
            version: 1,
            test: "pay::transfers".to_owned(),
            attempt: 1,
            seed: 42,
            unix_ms: u64::try_from(unix_ms).unwrap(),
            pid: 7,
        },
    )
}

#[test]
fn the_moment_of_a_failure_is_the_end_of_the_test_function_or_of_its_process() {
    let returned = [started(), event(900, EventKind::TestEnded), event(1_500, note())];
    let deadline = Some(Duration::from_secs(2));
    assert_eq!(moment_of_failure(&returned, deadline), Duration::from_millis(900));
    let hung = [started(), event(900, note())];
    assert_eq!(moment_of_failure(&hung, deadline), Duration::from_secs(2));
    // It began a minute ago, and is gone now.
    let died = moment_of_failure(&hung, None);
    assert!((60..120).contains(&died.as_secs()), "{died:?}");
}

#[test]
fn what_a_server_wrote_before_the_attempt_is_at_no_time_of_it() {
    let began = EventKind::AttemptStarted {
        version: 1,
        test: "pay::transfers".to_owned(),
        attempt: 1,
        seed: 42,
        unix_ms: 10_005,
        pid: 7,
    };
    let events = [event(5, began)];
    let since = |ms| since_began(&events, UNIX_EPOCH + Duration::from_millis(ms));
    assert_eq!(since(9_999), None);
    assert_eq!(since(10_000), Some(Duration::ZERO));
    assert_eq!(since(10_900), Some(Duration::from_millis(900)));
}

fn note() -> EventKind {
    EventKind::Note { message: "late".to_owned() }
}

#[test]
fn only_logs_of_the_attempt_itself_are_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let journal = directory.path().join("attempt-1.jsonl");
    let own = directory.path().join("attempt-1.own-0a.log");
    assert!(is_beside(&own, &journal));
    assert!(!is_beside(&directory.path().join("attempt-11.own-0a.log"), &journal));
    assert!(!is_beside(Path::new("/dev/shm/server/attempt-1.log"), &journal));
}
