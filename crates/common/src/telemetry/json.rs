//! One JSON object per event, with field names of the Elastic Common Schema.

use std::fmt;
use std::io::Write;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;

/// Writes events to standard error. Fields of the enclosing spans are included, the innermost
/// span winning, so that a line can be found by `http.request.id` or `trace.id`.
pub(super) struct EcsLayer {
    service: &'static str,
    clock: Clock,
}

impl EcsLayer {
    pub(super) fn new(service: &'static str) -> Self {
        Self {
            service,
            clock: Clock::system(),
        }
    }
}

/// Fields of a span, kept with it until it closes.
struct SpanFields(Map<String, Value>);

struct Collect<'a>(&'a mut Map<String, Value>);

impl Collect<'_> {
    fn put(&mut self, field: &Field, value: Value) {
        let name = match field.name() {
            "error" => "error.message",
            "request_id" => "http.request.id",
            "trace_id" => "trace.id",
            "span_id" => "span.id",
            "user_id" => "user.id",
            // Records of libraries that use the crate `log`.
            "log.target" => "log.logger",
            "log.file" => "log.origin.file.name",
            "log.line" => "log.origin.file.line",
            "log.module_path" => return,
            name => name,
        };
        let (name, value) = ecs(name, value);
        self.0.insert(name, value);
    }
}

/// A field of the schema as it is, any other as a label. Ours are of the schema, which
/// `docker/checks/elk_static.py` sees to; libraries have names of their own.
fn ecs(name: &str, value: Value) -> (String, Value) {
    const OURS: [&str; 10] = [
        "error", "event", "http", "labels", "log", "message", "span", "trace", "url", "user",
    ];
    let first = name.split_once('.').map_or(name, |(first, _)| first);
    if OURS.contains(&first) {
        return (name.to_owned(), value);
    }
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    (format!("labels.{}", name.replace('.', "_")), Value::String(text))
}

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }
}

impl<S> Layer<S> for EcsLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Map::new();
        attributes.record(&mut Collect(&mut fields));
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            values.record(&mut Collect(&mut fields.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Map::new();
        let time = self
            .clock
            .now()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        line.insert("@timestamp".to_owned(), Value::from(time));
        line.insert(
            "log.level".to_owned(),
            Value::from(event.metadata().level().as_str().to_ascii_lowercase()),
        );
        line.insert("ecs.version".to_owned(), Value::from("8.11.0"));
        line.insert("service.name".to_owned(), Value::from(self.service));
        line.insert("log.logger".to_owned(), Value::from(event.metadata().target()));
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<SpanFields>() {
                    line.extend(fields.0.clone());
                }
            }
        }
        event.record(&mut Collect(&mut line));
        let mut bytes = Value::Object(line).to_string().into_bytes();
        bytes.push(b'\n');
        // There is nowhere to report that the log itself cannot be written.
        let _ = std::io::stderr().lock().write_all(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::ecs;

    #[test]
    fn names_that_the_schema_does_not_have_become_labels_of_text() {
        assert_eq!(
            ecs("http.response.status_code", Value::from(200)),
            ("http.response.status_code".to_owned(), Value::from(200))
        );
        assert_eq!(
            ecs("db.statement", Value::from("select 1")),
            ("labels.db_statement".to_owned(), Value::from("select 1"))
        );
        assert_eq!(
            ecs("rows_affected", Value::from(7)),
            ("labels.rows_affected".to_owned(), Value::from("7"))
        );
    }
}
