//! Turns one input into another: bits, bytes, chunks, lines, words of a dictionary, numbers at an edge.

use crate::random::Random;

/// The longest input in bytes: longer ones would only be slower.
const MAX_LEN_BYTES: usize = 4096;

/// The words that the text of every target is made of.
const WORDS: [&str; 44] = [
    "10.0.0.0/24",
    "10.0.0.5",
    "0.0.0.0",
    "0.0.0.0/0",
    "255.255.255.255",
    "255.255.255.255/32",
    "127.0.0.1",
    "192.0.2.0/31",
    "2001:db8::/64",
    "2001:db8::5",
    "::",
    "::/0",
    "::1",
    "::ffff:10.0.0.5",
    "::ffff:0:0/96",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::1%eth0",
    "[::1]:80",
    "/",
    "/0",
    "/24",
    "/31",
    "/32",
    "/33",
    "/64",
    "/127",
    "/128",
    "/256",
    "/+8",
    "/08",
    "\n",
    "\r\n",
    "\t",
    ",",
    ",alice",
    ",bob",
    "#",
    "\"",
    "\u{feff}",
    "１",
    "٣",
    "\0",
    "+0",
    "-0",
];

const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "8",
    "30",
    "31",
    "32",
    "33",
    "63",
    "64",
    "65",
    "126",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "4294967295",
    "4294967296",
    "18446744073709551615",
];

/// Changes `input` a little, several times.
pub(crate) fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str], random: &mut Random) {
    for _ in 0..=random.below(6) {
        once(input, corpus, words, random);
    }
    input.truncate(MAX_LEN_BYTES);
}

fn once(input: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str], random: &mut Random) {
    let at = random.below(input.len() + 1);
    match random.below(12) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.bits() as u8;
            }
        }
        2 => input.insert(at, random.bits() as u8),
        3 => {
            let chunk = chunk_at(input, at, random);
            input.drain(chunk);
        }
        4 => {
            let chunk = input[chunk_at(input, at, random)].to_vec();
            let to = random.below(input.len() + 1);
            insert(input, to, &chunk);
        }
        5 if !corpus.is_empty() => {
            let other = random.one_of(corpus);
            let from = random.below(other.len() + 1);
            input.truncate(at);
            input.extend(&other[from..]);
        }
        6 | 7 => {
            let all = words.len() + WORDS.len();
            let index = random.below(all);
            let word = words
                .get(index)
                .unwrap_or_else(|| &WORDS[index - words.len()]);
            insert(input, at, word.as_bytes());
        }
        8 => overwrite_with_edge(input, at, random),
        9 => replace_number(input, at, random),
        10 => move_line(input, random),
        _ => copy_line(input, corpus, random),
    }
}

fn chunk_at(input: &[u8], at: usize, random: &mut Random) -> std::ops::Range<usize> {
    let longest = input.len() - at;
    // Mostly a short part, sometimes all of it.
    let len = match random.below(4) {
        0 => random.below(longest + 1),
        _ => random.below(9).min(longest),
    };
    at..at + len
}

fn insert(input: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    input.splice(at..at, bytes.iter().copied());
}

/// Overwrites bytes with the ends of the integers and their neighbours, in binary.
fn overwrite_with_edge(input: &mut [u8], at: usize, random: &mut Random) {
    let edges = [
        0u64,
        1,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0xffff,
        0x7fff_ffff,
        u32::MAX.into(),
        u64::MAX,
    ];
    let edge = *random.one_of(&edges);
    let bytes = edge
        .wrapping_add(random.below(3) as u64)
        .wrapping_sub(1)
        .to_le_bytes();
    let len_bytes = *random.one_of(&[1, 2, 4, 8]);
    for (to, from) in input[at..].iter_mut().zip(&bytes[..len_bytes]) {
        *to = *from;
    }
}

/// Replaces the number in the text at or after `at` by one at an edge, or by its neighbour.
fn replace_number(input: &mut Vec<u8>, at: usize, random: &mut Random) {
    let Some(begin) = (at..input.len()).find(|&index| input[index].is_ascii_digit()) else {
        return;
    };
    let digits = input[begin..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let text = String::from_utf8_lossy(&input[begin..begin + digits]).into_owned();
    let number = match (text.parse::<u128>(), random.below(3)) {
        (Ok(number), 0) => number.saturating_add(1).to_string(),
        (Ok(number), 1) => number.saturating_sub(1).to_string(),
        _ => (*random.one_of(&NUMBERS)).to_owned(),
    };
    input.splice(begin..begin + digits, number.into_bytes());
}

fn lines(input: &[u8]) -> Vec<Vec<u8>> {
    input
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn move_line(input: &mut Vec<u8>, random: &mut Random) {
    let mut lines = lines(input);
    if lines.len() > 1 {
        let (one, other) = (random.below(lines.len()), random.below(lines.len()));
        lines.swap(one, other);
        *input = lines.concat();
    }
}

/// Inserts a line of another input, or of this one.
fn copy_line(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let from = if corpus.is_empty() {
        &*input
    } else {
        random.one_of(corpus)
    };
    let from = lines(from);
    let mut to = lines(input);
    if !from.is_empty() {
        let at = random.below(to.len() + 1);
        to.insert(at, random.one_of(&from).clone());
        *input = to.concat();
    }
}
