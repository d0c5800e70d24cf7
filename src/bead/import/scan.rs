//! Where things stand in a text of JSON: read without a parser, so that what is broken or too large can still be
//! told from what is around it.

use std::ops::Range;

/// Returns where the values of a text stand, those of lists each on its own. Where a list does not end, the last
/// is empty.
pub(super) fn values(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = text.get(at) {
        if byte.is_ascii_whitespace() || b"[],".contains(&byte) {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
            continue;
        }
        let end = end_of_value(text, at);
        found.push(at..end);
        at = end;
    }
    if depth > 0 {
        found.push(at..at);
    }
    found
}

/// Returns the name of each field of an object and where its value stands, as far as they can be told.
pub(super) fn fields(text: &[u8]) -> Vec<(&str, Range<usize>)> {
    let mut found = Vec::new();
    let open = text.iter().position(|byte| *byte == b'{');
    let mut at = open.map_or(text.len(), |open| open + 1);
    while let Some(begin) = position(text, at, |byte| byte == b'"') {
        let end = end_of_string(text, begin);
        let name = text.get(begin + 1..end - 1).unwrap_or_default();
        let name = std::str::from_utf8(name).unwrap_or_default();
        let Some(value) = position(text, end, |byte| {
            !byte.is_ascii_whitespace() && byte != b':'
        }) else {
            break;
        };
        at = end_of_value(text, value);
        found.push((name, value..at));
    }
    found
}

/// Returns the name of the field in which a byte of an object stands, empty outside of all.
pub(super) fn field_at(text: &[u8], at: usize) -> &str {
    let fields = fields(text).into_iter();
    let found = fields
        .rev()
        .find(|(_, value)| value.start <= at && at <= value.end);
    found.map_or("", |(name, _)| name)
}

/// Returns the name of the longest field of an object, and its length.
pub(super) fn longest(text: &[u8]) -> (&str, usize) {
    let fields = fields(text).into_iter();
    let longest = fields.max_by_key(|(_, value)| value.len());
    longest.map_or(("", 0), |(name, value)| (name, value.len()))
}

fn position(text: &[u8], from: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.iter().position(|byte| is(*byte)).map(|at| from + at)
}

/// Returns where the string ends that begins at a quote: behind the one that closes it.
fn end_of_string(text: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Returns where the value ends that begins at a byte, the end of the text where it has none.
fn end_of_value(text: &[u8], begin: usize) -> usize {
    let (mut at, mut depth) = (begin, 0_usize);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(text, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at.max(begin + 1),
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at.max(begin + 1),
            byte if depth == 0 && byte.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_lists_stand_on_their_own() {
        let check = |text: &str, want: &[&str]| {
            let found = values(text.as_bytes()).into_iter();
            let found: Vec<&str> = found.map(|it| &text[it]).collect();
            assert_eq!(found, want, "{text}");
        };
        check("", &[]);
        check("[]\n[ ]", &[]);
        check(
            r#"[{"a":[1]},{"b":"]}\""}]"#,
            &[r#"{"a":[1]}"#, r#"{"b":"]}\""}"#],
        );
        check("[[{}]]\n[{}]", &["{}", "{}"]);
        check(r#"[1, "a b", nul"#, &["1", r#""a b""#, "nul", ""]);
        check(r#"[{"a": ["#, &[r#"{"a": ["#, ""]);
        check("} x \"", &["}", "x", "\""]);
        let deep = "[".repeat(100_000) + "{";
        assert_eq!(values(deep.as_bytes()).len(), 2);
        let deep = "{".repeat(100_000);
        assert_eq!(values(deep.as_bytes()).len(), 1);
    }

    #[test]
    fn fields_are_told_from_what_is_broken() {
        let check = |text: &str, want: &[(&str, &str)]| {
            let found = fields(text.as_bytes()).into_iter();
            let found: Vec<(&str, &str)> = found.map(|(name, it)| (name, &text[it])).collect();
            assert_eq!(found, want, "{text}");
        };
        check(
            r#" {"a": 1, "b":{"c":[2]} , "d":"x"}"#,
            &[("a", "1"), ("b", r#"{"c":[2]}"#), ("d", r#""x""#)],
        );
        check(r#"{"a":"#, &[]);
        check(r#"{"a":"b"#, &[("a", r#""b"#)]);
        check(r#"{"a"#, &[]);
        check(r#"{""#, &[]);
        check("no", &[]);
        let text = br#"{"a": 1, "long": [1, 2, 3]}"#;
        assert_eq!(longest(text), ("long", 9));
        assert_eq!([0, 6, 20].map(|at| field_at(text, at)), ["", "a", "long"]);
        assert_eq!(longest(b"[]"), ("", 0));
    }
}
