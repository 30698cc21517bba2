//! Reads a list into lines that are easy to compare.

use hostbits_lists::{Address, Ended, Format, List, ListError, Record};

/// The result of reading a list.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `LINE ADDRESS owner=.. state=..`, or `LINE !what is broken`.
    pub(crate) entries: Vec<String>,
    pub(crate) end: Result<Ended, ListError>,
}

impl Outcome {
    /// Returns the entries of a list that was read to its end.
    #[track_caller]
    pub(crate) fn whole(&self) -> Vec<&str> {
        assert!(self.end.is_ok(), "{self:?}");
        self.entries.iter().map(String::as_str).collect()
    }

    /// Returns the error of a list that was not read to its end.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        match &self.end {
            Ok(_) => panic!("{self:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[track_caller]
    pub(crate) fn ended(&self) -> Ended {
        let end = self.end.as_ref();
        end.expect("a list that was read to its end").clone()
    }

    /// Returns whether no address may be freed on the strength of the list: reading failed, or an entry is broken.
    pub(crate) fn is_unclear(&self) -> bool {
        self.end.is_err() || self.entries.iter().any(|entry| entry.contains('!'))
    }
}

pub(crate) fn read(format: &str, text: impl AsRef<[u8]>) -> Outcome {
    let format: Format = format.parse().expect("a format");
    all(List::new(format, "list", text.as_ref()))
}

pub(crate) fn all(mut list: List<'_>) -> Outcome {
    let mut entries = Vec::new();
    loop {
        match list.read() {
            Ok(Some(record)) => entries.push(shown(&record)),
            Ok(None) => {
                let end = list.finish();
                return Outcome { entries, end };
            }
            Err(error) => {
                let after = list.read().expect_err("a list that failed has no end");
                assert_eq!(after.code(), "list-unfinished");
                assert!(list.finish().is_err());
                let end = Err(error);
                return Outcome { entries, end };
            }
        }
    }
}

fn shown(record: &Record<'_>) -> String {
    let mut text = match record.address {
        Address::Addr(addr) => format!("{} {addr}", record.line),
        Address::Text(text) => format!("{} {text}", record.line),
        Address::Block(text) => format!("{} block:{text}", record.line),
        Address::Own(text) => format!("{} own:{text}", record.line),
        Address::Stray(text) => format!("{} ?{text}", record.line),
        Address::Broken(text) => format!("{} !{text}", record.line),
        other => panic!("{other:?}"),
    };
    assert_eq!(record.to_buf().as_record(), *record);
    if let Some(owner) = record.owner {
        text += &format!(" owner={owner}");
    }
    if let Some(state) = record.state {
        text += &format!(" state={state}");
    }
    text
}
