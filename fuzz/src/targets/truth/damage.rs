//! What can happen to a list on its way to the reader.

use super::Script;

/// Signs that have a meaning in some format. None begins a comment, because a comment is no damage.
const SIGNS: &[u8] = b"\",:{}[]<>()=/\\|-_+*.'& \t\r\nxXe%@!~\0\x80";

/// The number of kinds of damage.
pub(super) const KINDS: usize = 20;

pub(super) fn damage(kind: usize, list: &mut Vec<u8>, script: &mut Script<'_>) {
    let number = script.byte() * 256 + script.byte();
    let at = number % (list.len() + 1);
    match kind {
        0 => list.truncate(at),
        1 => replace(list, b"\n", b"\r\n"),
        2 => insert(list, 0, b"\xEF\xBB\xBF"),
        3 => {
            let text = String::from_utf8_lossy(list).into_owned();
            let marked = ["", "\u{feff}"][number % 2].to_owned() + &text;
            let to_bytes = [u16::to_le_bytes, u16::to_be_bytes][number / 2 % 2];
            *list = marked.encode_utf16().flat_map(to_bytes).collect();
        }
        4 => insert(list, 0, b"\x1f\x8b\x08\0"),
        5 => list.clear(),
        // A long line between two others, or a long word anywhere.
        6 => {
            let length = if number.is_multiple_of(16) {
                1 << 20
            } else {
                1 << 17
            };
            let mut long = vec![b'x'; length];
            let at = match number % 2 {
                0 => {
                    long.push(b'\n');
                    line_start(list, at)
                }
                _ => at,
            };
            insert(list, at, &long);
        }
        // The rest appears again, as after a writer that began anew.
        7 => {
            let rest = list[at..].to_vec();
            list.extend(rest);
        }
        8 => {
            if let Some(at) = no_digit(list, at) {
                list[at] = SIGNS[script.byte() % SIGNS.len()];
            }
        }
        9 => {
            if let Some(at) = no_digit(list, at) {
                list.remove(at);
            }
        }
        10 => insert(list, at, &[SIGNS[script.byte() % SIGNS.len()]]),
        // A word is misspelt, here or everywhere, as by another version; or it is missing.
        11..=13 => {
            let Some((start, end)) = word(list, at) else {
                return;
            };
            let before = list[start..end].to_vec();
            let mut after = before.clone();
            let place = script.byte() % after.len();
            match script.byte() % 4 {
                0 => drop(after.remove(place)),
                1 => after.insert(place, after[place]),
                2 => after[place] ^= 0x20,
                _ => after[place] = b'z',
            }
            match kind {
                11 => drop(list.splice(start..end, after)),
                12 => replace(list, &before, &after),
                _ => drop(list.drain(start..end)),
            }
        }
        // The part between two signs appears twice, like a repeated key.
        14 => {
            let (start, end) = part(list, at);
            let twice = list[start..end].to_vec();
            insert(list, end, &twice);
        }
        // Two lines change places.
        15 => {
            let mut lines: Vec<Vec<u8>> = list
                .split_inclusive(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect();
            if !lines.is_empty() {
                let (one, other) = (at % lines.len(), script.byte() % lines.len());
                lines.swap(one, other);
                *list = lines.concat();
            }
        }
        // Two lines become one.
        16 => {
            if let Some(end) = list[at..].iter().position(|byte| *byte == b'\n') {
                list.remove(at + end);
            }
        }
        17 => {
            if at < list.len()
                && !(list[at].is_ascii_digit() && at > 0 && list[at - 1].is_ascii_digit())
            {
                insert(list, at, b"\n");
            }
        }
        18 => insert(list, at, &vec![0; 1 + script.byte() % 4]),
        // A whole line is missing.
        _ => {
            let start = line_start(list, at);
            let end = list[start..].iter().position(|byte| *byte == b'\n');
            let end = end.map_or(list.len(), |end| start + end + 1);
            list.drain(start..end);
        }
    }
}

fn insert(list: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    drop(list.splice(at..at, bytes.iter().copied()));
}

fn replace(list: &mut Vec<u8>, before: &[u8], after: &[u8]) {
    let mut replaced = Vec::with_capacity(list.len());
    let mut rest = &**list;
    while !rest.is_empty() {
        if rest.starts_with(before) {
            replaced.extend(after);
            rest = &rest[before.len()..];
        } else {
            replaced.push(rest[0]);
            rest = &rest[1..];
        }
    }
    *list = replaced;
}

fn line_start(list: &[u8], at: usize) -> usize {
    list[..at]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |before| before + 1)
}

/// Returns the place of the next byte that is no digit: another digit in an address would make another address.
fn no_digit(list: &[u8], at: usize) -> Option<usize> {
    let found = list[at..].iter().position(|byte| !byte.is_ascii_digit());
    found.map(|found| at + found)
}

/// Returns the next word: letters only.
fn word(list: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at + list[at..].iter().position(u8::is_ascii_alphabetic)?;
    let length = list[start..]
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic());
    Some((start, length.map_or(list.len(), |length| start + length)))
}

/// Returns the part from one separating sign to the next.
fn part(list: &[u8], at: usize) -> (usize, usize) {
    let separates = |byte: &u8| b",\n;{}[]".contains(byte);
    let start = list[..at].iter().rposition(separates).unwrap_or(0);
    let length = list[at..].iter().position(separates);
    (start, length.map_or(list.len(), |length| at + length))
}
