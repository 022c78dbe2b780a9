//! What lies in the place of a model, where it is something else that is often put there.

/// First bytes, what they begin, and what to do about it.
const OTHERS: &[(&[u8], &str)] = &[
    (
        b"version https://git-lfs.github.com/spec/",
        "it is a Git LFS pointer, not the model: run `git lfs pull` where it was cloned",
    ),
    (
        b"PK\x03\x04",
        "it is a zip archive (as of PyTorch's `.pt` or Keras' `.keras`): export the model to ONNX, or unpack it",
    ),
    (b"\x1f\x8b", "it is compressed with gzip: unpack it"),
    (
        b"\x89HDF",
        "it is an HDF5 file (as of Keras' `.h5`): export the model to ONNX, as with tf2onnx",
    ),
    (
        b"\x93NUMPY",
        "it is a NumPy array: export the model to ONNX",
    ),
    (b"%PDF", "it is a PDF document: download the model itself"),
    (
        b"{",
        "it is JSON (an error answer, or a model of another kind): download the model itself, or export it to ONNX",
    ),
];

/// What the file is, where it cannot be an ONNX model; and what to do.
pub(crate) fn not_a_model(file: &[u8]) -> Option<&'static str> {
    if file.is_empty() {
        return Some("it is empty: copy the model again");
    }
    if file.iter().all(|byte| *byte == 0) {
        return Some("it holds nothing but zeros: copy the model again");
    }
    let known = OTHERS.iter().find(|(start, _)| file.starts_with(start));
    if let Some((_, what)) = known {
        return Some(what);
    }
    if is_pickle(file) {
        return Some(
            "it is a Python pickle: export the model to ONNX, as with skl2onnx or torch.onnx",
        );
    }
    // TensorFlow Lite's mark follows an offset of four bytes.
    if file.get(4..8) == Some(b"TFL3") {
        return Some("it is a TensorFlow Lite model: export the model to ONNX, as with tf2onnx");
    }
    let start = file.get(..file.len().min(512)).unwrap_or_default();
    let text = String::from_utf8_lossy(start).to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_page = ["<!doctype", "<html", "<?xml"]
        .iter()
        .any(|s| text.starts_with(s));
    is_page.then_some("it is a web page (HTML or XML), not the model: a download may need a log-in or another address")
}

/// Protocols 2 to 5 begin with their number and end with a stop.
fn is_pickle(file: &[u8]) -> bool {
    matches!(file, [0x80, 2..=5, ..]) && file.last() == Some(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_often_put_in_the_place_of_a_model_is_named_with_a_remedy() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
        for (file, named) in [
            (&b""[..], "empty"),
            (&[0; 4096][..], "zeros"),
            (pointer, "git lfs pull"),
            (b"\n <!DOCTYPE html><html>", "web page"),
            (b"<HTML><head>", "web page"),
            (b"\x80\x04\x95\x0f\x00.", "pickle"),
            (b"PK\x03\x04rest", "zip"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"{\"error\": \"not found\"}", "JSON"),
            (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        ] {
            let told = not_a_model(file).unwrap_or("nothing");
            assert!(told.contains(named), "{named}: {told}");
        }
    }

    #[test]
    fn a_model_is_not_taken_for_something_else() {
        // Format 8, producer, graph.
        assert_eq!(not_a_model(b"\x08\x08\x12\x07pytorch\x3a\x00"), None);
        assert_eq!(not_a_model(b"\x3a\x02\x12\x00"), None);
    }
}
