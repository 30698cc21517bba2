//! Parses JSON text into the value that filters run on.
//!
//! Some things that JSON does not allow but programs write are accepted: `NaN`, `Infinity`, and strings that are not
//! valid UTF-8. An object in which a name occurs twice is refused: one of the values would be lost, and perhaps an
//! address with it.

use hifijson::escape::Lex as _;
use hifijson::num::{LexWrite as _, Num as Digits};
use hifijson::str::LexWrite as _;
use hifijson::token::{Expect, Lex as _};
use hifijson::{Read as _, SliceLexer, escape, str};
use jaq_core::ValT;
use jaq_json::{Map, Num, Val};

/// Why a text is not a value.
struct Fault(&'static str);

const NO_JSON: Fault = Fault("this is not JSON");
/// The error for an object in which a name occurs twice.
pub(super) const TWICE: &str = "a name comes twice in an object";

/// Parses a text that is exactly one value. The error says why it is not. The caller has checked the depth.
pub(super) fn parse(text: &[u8]) -> Result<Val, &'static str> {
    let mut lexer = SliceLexer::new(text);
    let value = lexer.exactly_one(SliceLexer::ws_peek, value);
    value.map_err(|Fault(what)| what)
}

fn value(next: u8, lexer: &mut SliceLexer<'_>) -> Result<Val, Fault> {
    Ok(match next {
        b'"' => Val::utf8_str(text(lexer)?),
        b'{' => Val::obj(object(lexer)?),
        b'[' => {
            let mut values = Vec::new();
            let mut each = |next, lexer: &mut SliceLexer<'_>| -> Result<(), Fault> {
                values.push(value(next, lexer)?);
                Ok(())
            };
            lexer
                .discarded()
                .seq(b']', SliceLexer::ws_peek, &mut each)?;
            Val::Arr(values.into())
        }
        b'0'..=b'9' | b'-' => number(lexer)?,
        b'n' if lexer.strip_prefix(b"null") => Val::Null,
        b't' if lexer.strip_prefix(b"true") => Val::Bool(true),
        b'f' if lexer.strip_prefix(b"false") => Val::Bool(false),
        b'N' if lexer.strip_prefix(b"NaN") => Val::Num(Num::Float(f64::NAN)),
        b'I' if lexer.strip_prefix(b"Infinity") => Val::Num(Num::Float(f64::INFINITY)),
        _ => return Err(NO_JSON),
    })
}

fn object(lexer: &mut SliceLexer<'_>) -> Result<Map, Fault> {
    let mut object = Map::default();
    let mut each = |next, lexer: &mut SliceLexer<'_>| {
        if next != b'"' {
            return Err(NO_JSON);
        }
        let name = Val::utf8_str(text(lexer)?);
        lexer.expect(SliceLexer::ws_peek, b':').ok_or(NO_JSON)?;
        let next = lexer.ws_peek().ok_or(NO_JSON)?;
        match object.insert(name, value(next, lexer)?) {
            None => Ok(()),
            Some(_) => Err(Fault(TWICE)),
        }
    };
    lexer
        .discarded()
        .seq(b'}', SliceLexer::ws_peek, &mut each)?;
    Ok(object)
}

fn text(lexer: &mut SliceLexer<'_>) -> Result<Vec<u8>, Fault> {
    lexer.discarded().str_fold(
        Vec::new(),
        |part, text: &mut Vec<u8>| {
            text.extend_from_slice(part);
            Ok(())
        },
        |lexer, text| {
            let kind = lexer.take_next().ok_or(NO_JSON)?;
            let char = lexer.escape(kind)?;
            text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
            Ok(())
        },
    )
}

fn number(lexer: &mut SliceLexer<'_>) -> Result<Val, Fault> {
    let digits = lexer.num_string_with(Digits::signed_digits());
    match digits.unvalidated().0 {
        "-" if lexer.strip_prefix(b"Infinity") => Ok(Val::Num(Num::Float(f64::NEG_INFINITY))),
        digits if digits.ends_with(|last: char| last.is_ascii_digit()) => {
            Val::from_num(digits).map_err(|_| NO_JSON)
        }
        _ => Err(NO_JSON),
    }
}

impl From<Expect> for Fault {
    fn from(_: Expect) -> Self {
        NO_JSON
    }
}

impl From<str::Error> for Fault {
    fn from(_: str::Error) -> Self {
        NO_JSON
    }
}

impl From<escape::Error> for Fault {
    fn from(_: escape::Error) -> Self {
        NO_JSON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values equal those that jaq itself reads, and are printed alike: `1.50` is not `1.5`.
    #[test]
    fn values_are_those_of_jaq() {
        for text in [
            "null",
            "true",
            "false",
            " [ ] ",
            "{}",
            "0",
            "-0",
            "-12",
            "1.50",
            "1e9",
            "-1.5E-3",
            "123456789012345678901234567890",
            "0.1000000000000000055",
            "NaN",
            "Infinity",
            "-Infinity",
            r#""""#,
            r#""a\"b\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#,
            "\"\u{e4}\"",
            r#"{"a": [1, {"b": null}, "c"], "": {"\u0061": []}}"#,
            "[[[[1]]], 2 ,\t3\r\n]",
        ] {
            let expected = jaq_json::read::parse_single(text.as_bytes()).unwrap();
            let value = parse(text.as_bytes()).unwrap();
            assert_eq!(value.to_string(), expected.to_string(), "{text}");
        }
        let expected = jaq_json::read::parse_single(b"\"a\xff\"").unwrap();
        assert_eq!(parse(b"\"a\xff\""), Ok(expected));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in [
            "",
            " ",
            "nul",
            "tru",
            "[",
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{a:1}",
            "{1:2}",
            "{null:1}",
            "1 2",
            "1,",
            "-",
            "+1",
            "1.",
            "1e",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\n\"",
            "b\"a\"",
            "# a\n1",
            "1 # a",
            "'a'",
            "nullnull",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(NO_JSON.0), "{text:?}");
        }
    }

    /// For jq the last value counts, so the address in the other one would look free.
    #[test]
    fn a_name_that_comes_twice_is_refused() {
        for text in [
            r#"{"ip":"10.0.0.2","ip":"10.0.0.3"}"#,
            r#"{"ip":"10.0.0.2","a":1,"\u0069p":"10.0.0.2"}"#,
            r#"[{"a":{"b":1,"b":1}}]"#,
        ] {
            assert_eq!(parse(text.as_bytes()), Err(TWICE), "{text}");
        }
        assert!(parse(br#"{"a":{"b":1},"b":{"b":1,"a":2}}"#).is_ok());
    }
}
