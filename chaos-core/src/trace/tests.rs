use std::sync::Mutex;

use tracing::{info, info_span, warn};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::*;
use crate::fault::{Fault, stall};
use crate::scope::Scope;
use crate::seed::Seed;

/// One process keeps one attempt's traces at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What was kept of `work`, as text, and the journal beside it.
fn kept(work: impl FnOnce(&Journal)) -> (Vec<TraceLine>, tempfile::TempDir) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("attempt-1.jsonl");
    let journal = Journal::create(&path).unwrap();
    let keeping = keep(&journal).unwrap();
    let subscriber = tracing_subscriber::registry().with(layer());
    tracing::subscriber::with_default(subscriber, || work(&journal));
    drop(keeping);
    (read(&path), directory)
}

fn texts(lines: &[TraceLine]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn spans_and_events_are_kept_with_their_fields_and_the_times_of_the_journal() {
    let mut marks = (0, 0);
    let (lines, _directory) = kept(|journal| {
        let mark = || u64::try_from(journal.elapsed().as_nanos()).unwrap();
        let request =
            info_span!(target: "pay", "request", id = 3, answer = tracing::field::Empty).entered();
        let transfer = info_span!(target: "pay", "transfer").entered();
        marks.0 = mark();
        warn!(target: "pay", attempt = 2, error = "it is\ngone", "tried again");
        marks.1 = mark();
        drop(transfer);
        request.record("answer", 500);
        drop(request);
        info!(target: "pay", "idle");
    });
    let texts = texts(&lines);
    let ended = |text: &str, start: &str| assert!(text.starts_with(start), "{texts:#?}");
    assert_eq!(texts[0], "INFO pay: request{id=3}: opened");
    assert_eq!(texts[1], "INFO pay: request{id=3}:transfer: opened");
    let tried = r#"WARN pay: request{id=3}:transfer: tried again attempt=2 error="it is\ngone""#;
    assert_eq!(texts[2], tried);
    ended(&texts[3], "INFO pay: request{id=3}:transfer: closed after ");
    ended(&texts[4], "INFO pay: request{id=3 answer=500}: closed after ");
    assert_eq!(texts[5..], ["INFO pay: idle"]);
    assert!((marks.0..=marks.1).contains(&lines[2].at), "{marks:?} {:?}", lines[2]);
}

#[test]
fn a_torn_line_costs_only_itself_and_nothing_is_kept_afterwards() {
    let (_, directory) = kept(|_| info!("whole"));
    let path = directory.path().join("attempt-1.jsonl");
    let file = ring::beside(&path)[0].clone();
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"at\":5,\"kin");
    std::fs::write(&file, text).unwrap();
    let lines = read(&path);
    assert_eq!(lines.len(), 1, "{lines:?}");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer()), || {
        info!("nobody keeps it");
    });
    assert_eq!(read(&path).len(), 1);
    remove(&path);
    assert!(read(&path).is_empty() && !file.exists());
}

#[test]
fn the_bound_holds_whatever_is_traced() {
    let (lines, directory) = kept(|_| {
        for number in 0..20_000 {
            info!(number, text = %"x".repeat(200), "much");
        }
        info!(text = %"é".repeat(100_000), "more than a line may be");
    });
    let size: u64 = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(size <= RING_BYTES, "{size}");
    assert!(size > RING_BYTES / 2, "{size}");
    let last = &lines[lines.len() - 2..];
    assert!(last[0].text.starts_with("much number=19999 "), "{last:?}");
    assert!(last[1].text.starts_with("more than a line may be") && last[1].text.len() < 5_000);
}

#[test]
fn a_journal_in_memory_has_nothing_beside_it() {
    let error = keep(&Journal::in_memory()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

/// What a user's own backend sees: the names of spans that were opened and closed, and messages.
#[derive(Clone, Default)]
struct Backend(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Backend {
    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        let mut text = format!("open {}", attributes.metadata().name());
        attributes.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!(" {field}={value:?}"));
        });
        self.0.lock().unwrap().push(text);
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut text = format!("in {}:", context.event_span(event).map_or("none", |it| it.name()));
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!(" {field}={value:?}"));
        });
        self.0.lock().unwrap().push(text);
    }

    fn on_close(&self, id: tracing::span::Id, context: Context<'_, S>) {
        let name = context.span(&id).map_or("none", |span| span.name());
        self.0.lock().unwrap().push(format!("close {name}"));
    }
}

#[test]
fn a_fault_is_a_span_of_the_users_own_backend_and_not_among_what_is_kept() {
    let backend = Backend::default();
    let (lines, _directory) = kept(|journal| {
        let subscriber = tracing_subscriber::registry().with(layer()).with(backend.clone());
        tracing::subscriber::with_default(subscriber, || {
            let scope = Scope::new(Seed(1), journal.clone());
            let record = scope.start_fault("postgres", Fault::from(stall()));
            record.hit(7, 2, true);
            record.end();
            record.end();
        });
    });
    assert_eq!(lines, []);
    let seen = backend.0.lock().unwrap().clone();
    assert_eq!(
        seen,
        [
            "open fault id=1 on=\"postgres\" fault=\"stall ↕\"",
            "in fault: message=fault injected",
            "in fault: message=fault cleared hits=2 connections=1",
            "close fault",
        ]
    );
}
