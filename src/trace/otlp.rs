//! The wire format: an `ExportTraceServiceRequest` of the OpenTelemetry protocol as protobuf.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Wire, Status};
use prost::Message;

use super::span::{Span, Value};

/// The bytes of one request.
#[must_use]
pub fn encode(project: &str, spans: &[Span]) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: vec![
            pair("service.name", text(env!("CARGO_PKG_NAME"))),
            // What Phoenix files traces under; other collectors keep it as any attribute.
            pair("openinference.project.name", text(project)),
        ],
        ..Resource::default()
    };
    let spans = spans.iter().map(wire).collect();
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn wire(span: &Span) -> Wire {
    let exception = span.error.as_ref().map(|error| Event {
        time_unix_nano: span.to,
        name: "exception".to_owned(),
        attributes: vec![
            pair("exception.type", text(&error.kind)),
            pair("exception.message", text(&error.message)),
            pair("exception.escaped", any_value::Value::BoolValue(false)),
        ],
        ..Event::default()
    });
    let link = |(trace, id): &([u8; 16], [u8; 8])| Link { trace_id: trace.to_vec(), span_id: id.to_vec(), ..Link::default() };
    Wire {
        trace_id: span.trace.to_vec(),
        span_id: span.id.to_vec(),
        parent_span_id: span.parent.map(|id| id.to_vec()).unwrap_or_default(),
        name: span.name.clone(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: span.from,
        end_time_unix_nano: span.to,
        attributes: span.attributes.iter().map(|(name, held)| pair(name, value(held))).collect(),
        events: exception.into_iter().collect(),
        links: span.links.iter().map(link).collect(),
        // Unset would be shown as neither good nor bad.
        status: Some(span.error.as_ref().map_or_else(
            || Status { code: StatusCode::Ok.into(), message: String::new() },
            |error| Status { code: StatusCode::Error.into(), message: error.message.clone() },
        )),
        ..Wire::default()
    }
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(text: &str) -> any_value::Value {
    any_value::Value::StringValue(text.to_owned())
}

fn value(value: &Value) -> any_value::Value {
    match value {
        Value::Text(held) => text(held),
        Value::Count(count) => any_value::Value::IntValue(*count),
        Value::Texts(texts) => {
            let values = texts.iter().map(|held| AnyValue { value: Some(text(held)) }).collect();
            any_value::Value::ArrayValue(ArrayValue { values })
        }
    }
}
