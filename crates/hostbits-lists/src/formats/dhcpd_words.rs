//! The tokens of ISC DHCP's configuration language, as far as lease files use it.

/// A token of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// An unquoted word.
    Word(&'a [u8]),
    /// The text between quotes, with its escapes.
    Quoted(&'a [u8]),
    /// The token `{`, which opens a block.
    Open,
    /// The token `}`, which closes a block.
    Close,
    /// The token `;`, which ends a statement.
    End,
    /// The token `,`.
    Comma,
    /// The rest of a line after a quote that is not closed.
    Unclosed(&'a [u8]),
}

/// Iterates over the tokens of one line. Comments and quoted texts end with the line; only statements and blocks go on.
pub(super) struct Pieces<'a> {
    rest: &'a [u8],
}

pub(super) fn pieces(line: &[u8]) -> Pieces<'_> {
    Pieces { rest: line }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let is_blank = u8::is_ascii_whitespace;
        let start = self.rest.iter().position(|byte| !is_blank(byte))?;
        let text = &self.rest[start..];
        let (piece, length) = match text[0] {
            b'#' => return None,
            b'{' => (Piece::Open, 1),
            b'}' => (Piece::Close, 1),
            b';' => (Piece::End, 1),
            b',' => (Piece::Comma, 1),
            b'"' => quoted(text),
            _ => {
                let ends = |byte: &u8| is_blank(byte) || b"{};,\"#".contains(byte);
                let length = text.iter().position(ends).unwrap_or(text.len());
                (Piece::Word(&text[..length]), length)
            }
        };
        self.rest = &text[length..];
        Some(piece)
    }
}

/// Returns the text from one quote to the next unescaped quote.
fn quoted(text: &[u8]) -> (Piece<'_>, usize) {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return (Piece::Quoted(&text[1..at]), at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    (Piece::Unclosed(&text[1..]), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_piece() {
        let word = |text: &'static str| Piece::Word(text.as_bytes());
        let quoted = |text: &'static str| Piece::Quoted(text.as_bytes());
        for (line, expected) in [
            (
                "lease 10.0.0.5 {",
                vec![word("lease"), word("10.0.0.5"), Piece::Open],
            ),
            ("}", vec![Piece::Close]),
            ("  # lease 1.2.3.4 {", vec![]),
            (
                "ends never; # or so",
                vec![word("ends"), word("never"), Piece::End],
            ),
            (
                "uid \"a;}{#\\\"\\\\\";",
                vec![word("uid"), quoted("a;}{#\\\"\\\\"), Piece::End],
            ),
            ("a\"b\"c", vec![word("a"), quoted("b"), word("c")]),
            (
                "x 1.2.3.4,5.6.7.8;",
                vec![
                    word("x"),
                    word("1.2.3.4"),
                    Piece::Comma,
                    word("5.6.7.8"),
                    Piece::End,
                ],
            ),
            ("uid \"abc", vec![word("uid"), Piece::Unclosed(b"abc")]),
            ("uid \"abc\\", vec![word("uid"), Piece::Unclosed(b"abc\\")]),
            ("uid \"", vec![word("uid"), Piece::Unclosed(b"")]),
        ] {
            assert_eq!(
                pieces(line.as_bytes()).collect::<Vec<_>>(),
                expected,
                "{line}"
            );
        }
    }
}
