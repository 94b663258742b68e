//! The layer of a subscriber by which its spans and events are kept.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, Scope, SpanRef};

use super::fault::FAULT_TARGET;
use super::line::{TraceKind, Written};
use super::{Kept, current};
use crate::metrics::nanos;

/// The text of one line is cut here, in bytes: a service may trace whole documents.
const LONGEST: usize = 4 * 1024;

/// Keeps the spans and events of a subscriber: see [`layer`](super::layer).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct TraceLayer {}

impl TraceLayer {
    pub(super) fn new() -> Self {
        Self {}
    }
}

/// What is known of a span that is open.
struct Open {
    /// Its name with its fields.
    text: String,
    since: Instant,
}

thread_local! {
    /// A line that is being made, so that its room is used again.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Whether it is not ours already: faults are in the journal.
fn is_wanted(metadata: &Metadata<'_>) -> bool {
    metadata.target() != FAULT_TARGET
}

fn write(kept: &Kept, metadata: &Metadata<'_>, kind: TraceKind, spans: &str, text: &str) {
    write_line(kept, metadata, kind, spans, text, None);
}

fn write_line(
    kept: &Kept,
    metadata: &Metadata<'_>,
    kind: TraceKind,
    spans: &str,
    text: &str,
    took: Option<u64>,
) {
    let line = Written {
        at: nanos(kept.journal.elapsed()),
        kind,
        level: metadata.level().as_str(),
        target: metadata.target(),
        spans,
        text: cut(text),
        took,
    };
    LINE.with_borrow_mut(|bytes| {
        bytes.clear();
        // Texts and numbers can always be written.
        if serde_json::to_writer(&mut *bytes, &line).is_ok() {
            bytes.push(b'\n');
            kept.ring.write(bytes);
        }
    });
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The spans from the outermost, with their fields. One that was opened before anything was kept has
/// its name only.
fn names<'a, S: Subscriber + for<'s> LookupSpan<'s>>(scope: Scope<'a, S>) -> String {
    let mut names = String::new();
    for span in scope.from_root().filter(|span| is_wanted(span.metadata())) {
        if !names.is_empty() {
            names.push(':');
        }
        match span.extensions().get::<Open>() {
            Some(open) => names.push_str(&open.text),
            None => names.push_str(span.name()),
        }
    }
    names
}

fn span_text<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>, fields: &Fields) -> String {
    if fields.text.is_empty() {
        return span.name().to_owned();
    }
    format!("{}{{{}}}", span.name(), cut(&fields.text))
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TraceLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(kept) = current() else { return };
        let Some(span) = context.span(id) else { return };
        if !is_wanted(span.metadata()) {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let text = span_text(&span, &fields);
        span.extensions_mut().replace(Open { text, since: Instant::now() });
        write(&kept, span.metadata(), TraceKind::Opened, &names(span.scope()), "");
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        values.record(&mut fields);
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else { return };
        let known = match open.text.strip_suffix('}') {
            Some(known) => format!("{known} "),
            None => format!("{}{{", open.text),
        };
        if known.len() < LONGEST {
            open.text = format!("{known}{}}}", cut(&fields.text));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(kept) = current().filter(|_| is_wanted(event.metadata())) else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans = context.event_scope(event).map(names).unwrap_or_default();
        let text = fields.into_event();
        write(&kept, event.metadata(), TraceKind::Event, &spans, &text);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(kept) = current() else { return };
        let Some(span) = context.span(&id) else { return };
        let Some(since) = span.extensions().get::<Open>().map(|open| open.since) else { return };
        let took = Some(nanos(since.elapsed()));
        write_line(&kept, span.metadata(), TraceKind::Closed, &names(span.scope()), "", took);
    }
}

/// The fields of a span or an event, as text.
#[derive(Debug, Default)]
struct Fields {
    message: String,
    text: String,
}

impl Fields {
    fn into_event(self) -> String {
        match (self.message.is_empty(), self.text.is_empty()) {
            (true, _) => self.text,
            (false, true) => self.message,
            (false, false) => format!("{} {}", self.message, self.text),
        }
    }

    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a text does not fail.
        if field.name() == "message" {
            let _written = self.message.write_fmt(value);
            return;
        }
        let gap = if self.text.is_empty() { "" } else { " " };
        let _written = write!(self.text, "{gap}{}={value}", field.name());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.add(field, format_args!("{value}")),
            _ => self.add(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{:?}", crate::error::with_sources(value)));
    }
}
