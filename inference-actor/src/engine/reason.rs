//! The cause inside the engine's messages.
//!
//! The engine begins with the file it read, a place in its own source and a C++ signature, and the
//! cause comes last. Callers and operators get the cause; the log has the whole message.

/// A cause is cut after this many characters.
const MAX_CHARS: usize = 400;
/// Begins a path in the engine's source.
const SOURCE: &str = "/onnxruntime_src/";
/// Comes between a failed assertion and what it means.
const ASSERTED: &str = " was false. ";
const RUNNING: &str = "Non-zero status code returned while running ";
const STATUS: &str = "Status Message: ";

/// What the engine means, on one line.
pub(super) fn cause(message: &str) -> String {
    let cause = match run(message) {
        Some((node, status)) => format!("{node}: {}", without_place(status)),
        None => without_place(message).to_owned(),
    };
    let line = one_line(&cause);
    match line.char_indices().nth(MAX_CHARS) {
        None => line,
        Some((end, _)) => format!("{}…", &line[..end]),
    }
}

/// Whether the cause is not the whole message, so that the log should have the rest.
pub(super) fn leaves_out(message: &str) -> bool {
    cause(message) != one_line(message)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Of a failed run the node, as `Reshape node 'name'`, and the kernel's own message.
fn run(message: &str) -> Option<(String, &str)> {
    let (_, rest) = message.split_once(RUNNING)?;
    let (node, status) = rest.split_once(STATUS)?;
    let (operator, name) = node.split_once(". Name:").unwrap_or((node, ""));
    let name = name.trim().trim_matches('\'');
    let node = match name.is_empty() {
        true => operator.trim().to_owned(),
        false => format!("{} '{name}'", operator.trim()),
    };
    Some((node, status))
}

/// What follows the place in the engine's source.
fn without_place(message: &str) -> &str {
    let Some((before, place)) = message.split_once(SOURCE) else {
        // `Load model from FILE failed:CAUSE`
        return match message.split_once(" failed:") {
            Some((file, cause)) if file.starts_with("Load model from") && !cause.is_empty() => {
                cause
            }
            _ => message,
        };
    };
    if let Some((_, meant)) = place.split_once(ASSERTED) {
        return meant;
    }
    // `core/graph/model.cc:181 onnxruntime::Model::Model(…) CAUSE`
    let after = place.split_once(' ').and_then(|(_, s)| after_signature(s));
    match after.map(str::trim_start).filter(|cause| !cause.is_empty()) {
        Some(cause) => cause,
        // Without a cause the place is all there is.
        None if before.trim().is_empty() => place,
        None => before,
    }
}

/// What follows the closing bracket of a signature's arguments.
fn after_signature(text: &str) -> Option<&str> {
    let (mut depth, mut opened) = (0usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '(' => (depth, opened) = (depth + 1, true),
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if opened && depth == 0 {
            let rest = &text[at + 1..];
            // `operator()(…)` and `f(…)::<lambda(…)>` go on.
            let goes_on = rest.starts_with(['(', ':', '>']);
            if !goes_on {
                let rest = rest.strip_prefix(" const").unwrap_or(rest);
                return Some(without_template(rest));
            }
        }
    }
    None
}

/// `[with T = float]` names the arguments of a template.
fn without_template(text: &str) -> &str {
    let template = text.trim_start().strip_prefix("[with ");
    template
        .and_then(|rest| rest.split_once(']'))
        .map_or(text, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_cause_comes_first_and_places_in_the_engine_are_left_out() {
        for (message, expected) in [
            (
                "Load model from /m/ir99/1/model.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:181 onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&, const IOnnxRuntimeOpSchemaRegistryList*, const onnxruntime::logging::Logger&, const onnxruntime::ModelOptions&) Unsupported model IR version: 99, max supported IR version: 13\n",
                "Unsupported model IR version: 99, max supported IR version: 13",
            ),
            (
                "Load model from /m/1/model.onnx failed:Fatal error: com.acme:Rank(-1) is not a registered function/op",
                "Fatal error: com.acme:Rank(-1) is not a registered function/op",
            ),
            (
                "Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cpu/nn/string_normalizer.cc:95 onnxruntime::string_normalizer::Locale::Locale(const string&) Failed to construct locale with name:xx_YY.UTF-8:locale::facet::_S_create_c_locale name not valid",
                "Failed to construct locale with name:xx_YY.UTF-8:locale::facet::_S_create_c_locale name not valid",
            ),
            (
                "Non-zero status code returned while running Reshape node. Name:'r1' Status Message: /onnxruntime_src/onnxruntime/core/providers/cpu/tensor/reshape_helper.h:47 onnxruntime::ReshapeHelper::ReshapeHelper(const onnxruntime::TensorShape&, onnxruntime::TensorShapeVector&, bool) input_shape_size == size was false. The input tensor cannot be reshaped to the requested shape. Input shape:{2,6}, requested shape:{1,2,3}\n",
                "Reshape node 'r1': The input tensor cannot be reshaped to the requested shape. Input shape:{2,6}, requested shape:{1,2,3}",
            ),
            (
                "Non-zero status code returned while running Gather node. Name:'' Status Message: indices element out of data bounds, idx=99 must be within the inclusive range [-10,9]",
                "Gather node: indices element out of data bounds, idx=99 must be within the inclusive range [-10,9]",
            ),
            (
                "/onnxruntime_src/onnxruntime/core/x.h:1 virtual Status f<T>::Compute(C*) const [with T = float] Bad value",
                "Bad value",
            ),
            ("Invalid input name: x", "Invalid input name: x"),
        ] {
            assert_eq!(cause(message), expected);
        }
    }

    #[test]
    fn a_message_without_a_cause_keeps_what_it_has() {
        assert_eq!(
            cause("Exception: /onnxruntime_src/core/a.cc:1 f(int)"),
            "Exception:"
        );
        assert_eq!(
            cause("/onnxruntime_src/core/a.cc:1 f(int)"),
            "core/a.cc:1 f(int)"
        );
        assert!(cause(&"x".repeat(5000)).chars().count() <= MAX_CHARS + 1);
    }

    #[test]
    fn only_what_the_cause_leaves_out_is_worth_a_line_of_the_log() {
        assert!(!leaves_out("External initializer: t of w.bin\n is cut off"));
        assert!(leaves_out("Load model from m.onnx failed:Unsupported"));
    }

    proptest! {
        #[test]
        fn any_message_gives_one_bounded_line(message in "(.|\\n){0,200}(/onnxruntime_src/)?(.|\\n){0,200}") {
            let cause = cause(&message);
            prop_assert!(!cause.contains('\n') && cause.chars().count() <= MAX_CHARS + 1);
        }
    }
}
