//! What a script must keep besides its shape, told with the place where it stands.

use hyper::header::{HeaderName, HeaderValue};

use super::placeholder;
use super::script::{Reply, Script, ScriptedCall, Stage};
use crate::yaml::{Spanned, YamlError};

/// The first thing that is wrong.
pub(super) fn script(script: &Script, text: &str, file: &str) -> Result<(), YamlError> {
    let at = |place: &Spanned<Reply>, why: String| YamlError::at(place.referenced, text, file, why);
    if script.format.value != 1 {
        return Err(YamlError::at(script.format.referenced, text, file, format!("unknown format {}, expected 1", script.format.value)));
    }
    if script.turns.is_empty() && script.rules.is_empty() {
        let why = "nothing to answer with: a script needs `turns` or `rules`";
        return Err(YamlError::at(script.format.referenced, text, file, why));
    }
    for rule in &script.rules {
        reply(&rule.then).map_err(|(place, why)| at(place, why))?;
    }
    for each in script.forced.values().chain(&script.turns) {
        reply(each).map_err(|(place, why)| at(place, why))?;
        if each.value.times.is_some() {
            let why = "`times` has nothing to go on with here: list the answers in `attempts`, or make it a rule";
            return Err(at(each, why.to_owned()));
        }
    }
    Ok(())
}

type Wrong<'a> = (&'a Spanned<Reply>, String);

fn reply(spanned: &Spanned<Reply>) -> Result<(), Wrong<'_>> {
    alone(&spanned.value).and_then(|()| speech(&spanned.value)).and_then(|()| transport(&spanned.value)).map_err(|why| (spanned, why))?;
    for each in &spanned.value.attempts {
        if !each.value.attempts.is_empty() {
            return Err((each, "`attempts` stand in no other `attempts`".to_owned()));
        }
        reply(each)?;
    }
    Ok(())
}

/// `attempts` say everything, or nothing.
fn alone(reply: &Reply) -> Result<(), String> {
    refuse(reply.times == Some(0), "`times` is at least 1")?;
    let spoken = speaks(reply) || reply.finish_reason.is_some() || reply.usage.is_some() || !reply.omit.is_empty();
    let sent = reply.status.is_some() || reply.body.is_some() || reply.close.is_some() || reply.hang.is_some() || !reply.headers.is_empty();
    let more = spoken || sent || reply.error.is_some() || reply.times.is_some() || reply.delay.is_some();
    refuse(!reply.attempts.is_empty() && more, "`attempts` stands alone: everything else belongs into its answers")
}

fn speaks(reply: &Reply) -> bool {
    reply.text.is_some() || reply.refusal.is_some() || !reply.tool_calls.is_empty()
}

fn speech(reply: &Reply) -> Result<(), String> {
    for text in [&reply.text, &reply.refusal].into_iter().flatten() {
        placeholder::check(text).map_err(|error| error.to_string())?;
    }
    refuse(reply.stream.pieces == Some(0), "`pieces` is at least 1")?;
    reply.tool_calls.iter().try_for_each(call)
}

fn call(call: &ScriptedCall) -> Result<(), String> {
    let both = call.arguments.is_some() && call.raw_arguments.is_some();
    refuse(both, format!("`{}` has `arguments` and `raw_arguments`: give one of them", call.name))?;
    let object = call.arguments.as_ref().is_none_or(serde_json::Value::is_object);
    refuse(!object, format!("`arguments` of `{}` are a mapping; anything else goes into `raw_arguments`", call.name))?;
    placeholder::check(&call.name).map_err(|error| error.to_string())?;
    call.arguments.as_ref().map_or(Ok(()), placeholder::check_value).map_err(|error| error.to_string())
}

fn transport(reply: &Reply) -> Result<(), String> {
    let status = reply.status.unwrap_or(200);
    refuse(!(200..=599).contains(&status), format!("status {status} is not one of 200 to 599"))?;
    let failed = !reply.is_completion();
    refuse(failed && speaks(reply), "a failure says nothing: remove the text or calls, or `status` and `body`")?;
    refuse(
        reply.error.is_some() && status < 300,
        "`error` needs a `status` from 300 on; an error within a stream is `stream: {error: …}`",
    )?;
    refuse(reply.error.is_some() && reply.body.is_some(), "`error` and `body` are two bodies: give one of them")?;
    refuse(reply.close.is_some() && reply.hang.is_some(), "a connection that is closed does not hang: give `close` or `hang`")?;
    let unsent = reply.close == Some(Stage::BeforeHeaders) || reply.hang == Some(Stage::BeforeHeaders);
    refuse(unsent && (failed || speaks(reply)), "nothing is sent before headers: remove the answer, or end it `mid_body`")?;
    for (name, value) in &reply.headers {
        refuse(HeaderName::try_from(name).is_err(), format!("`{name}` is no name of a header"))?;
        refuse(HeaderValue::try_from(value).is_err(), format!("`{value}` is no value of a header"))?;
        placeholder::check(value).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn refuse(wrong: bool, why: impl Into<String>) -> Result<(), String> {
    if wrong { Err(why.into()) } else { Ok(()) }
}
