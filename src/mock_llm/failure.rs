//! Bodies of failures: the `error` object of OpenAI, with what a status usually means filled in.

use serde_json::{Value, json};

use super::script::ErrorBody;

/// `{"error": {message, type, param, code}}`; what the script leaves out follows from code and status.
pub(super) fn body(status: u16, error: Option<&ErrorBody>) -> Value {
    let none = ErrorBody::default();
    let error = error.unwrap_or(&none);
    let (kind, code, message) = usual(status, error.code.as_deref());
    json!({"error": {
        "message": error.message.as_deref().unwrap_or(message),
        "type": error.r#type.as_deref().unwrap_or(kind),
        "param": error.param,
        "code": error.code.as_deref().or(code),
    }})
}

/// An error of the request itself.
pub(super) fn invalid(message: impl Into<String>) -> ErrorBody {
    ErrorBody { message: Some(message.into()), ..ErrorBody::default() }
}

/// Nothing is served there; not the answer for an unknown model.
pub(super) fn unknown_path(message: impl Into<String>) -> ErrorBody {
    ErrorBody { code: Some("unknown_path".to_owned()), ..invalid(message) }
}

/// An error of the script: nothing that a client can mend.
pub(super) fn of_script(message: impl Into<String>) -> ErrorBody {
    ErrorBody { message: Some(message.into()), r#type: Some("script_error".to_owned()), code: Some("script_error".to_owned()), param: None }
}

/// Type, code and message by status, or by code where that says more.
fn usual(status: u16, code: Option<&str>) -> (&'static str, Option<&'static str>, &'static str) {
    match (status, code) {
        (_, Some("context_length_exceeded")) => {
            ("invalid_request_error", None, "This model's maximum context length is exceeded. Please reduce the length of the messages.")
        }
        (_, Some("insufficient_quota")) => {
            ("insufficient_quota", None, "You exceeded your current quota, please check your plan and billing details.")
        }
        (_, Some("content_filter")) => {
            ("invalid_request_error", None, "The response was filtered due to the prompt triggering content management policy.")
        }
        (401, _) => ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided."),
        (403, _) => ("insufficient_permissions", Some("forbidden"), "You do not have access to this resource."),
        (404, _) => ("invalid_request_error", Some("model_not_found"), "The model does not exist or you do not have access to it."),
        (429, _) => ("requests", Some("rate_limit_exceeded"), "Rate limit reached for requests."),
        (503, _) => ("server_error", Some("overloaded"), "The engine is currently overloaded, please try again later."),
        (500.., _) => ("server_error", None, "The server had an error while processing your request."),
        _ => ("invalid_request_error", None, "The request is invalid."),
    }
}
