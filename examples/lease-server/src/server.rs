//! The commands, and the start that repairs what a death left.

use crate::Fatal;
use crate::pair::{Pair, Pairs};
use crate::rows::{self, Row, Rows};
use hostbits::lease::Term;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// An offer: longer than a row takes to be written.
    pub offer: Duration,
    /// A pair that was confirmed, unless it is kept.
    pub term: Duration,
    /// The rest of an address before another client can get it.
    pub cooldown: Duration,
}

/// The name of the record in the server's folder.
pub const ROWS: &str = "rows";

/// The server, without its connections.
pub struct Server {
    pairs: Pairs,
    rows: Rows,
    times: Times,
    /// The newest session of each name, under a few locks. Commands of one name take turns: otherwise a `BYE` of an old
    /// connection could release what a new one has just confirmed.
    newest: [Mutex<HashMap<String, u64>>; 64],
    sessions: AtomicU64,
    /// One server for each folder: the lock ends with the process.
    _only: File,
}

/// A connection.
pub struct Session {
    number: u64,
    name: Option<String>,
    holds: Holds,
}

/// What a connection has been answered.
#[derive(Clone, Copy)]
enum Holds {
    Nothing,
    Offered(Pair),
    Confirmed(Pair),
}

/// What the server found at its start.
#[derive(Debug, Default)]
pub struct Restored {
    renewed: usize,
    over: usize,
    released: usize,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            renewed,
            over,
            released,
        } = self;
        write!(
            f,
            "{renewed} pairs renewed, {over} were over, {released} released again"
        )
    }
}

impl Server {
    /// Opens pools and rows, and makes them agree, whatever was going on when the last server died.
    pub fn start(folder: &Path, times: Times) -> Result<(Self, Restored), Fatal> {
        fs::create_dir_all(folder)?;
        let only = File::create(folder.join("lock"))?;
        only.try_lock()?;
        let pairs = Pairs::open(folder, times.cooldown)?;
        let (mut restored, mut held) = (Restored::default(), BTreeMap::new());
        for (name, row) in rows::read(&folder.join(ROWS))? {
            match row {
                Row::Held(pair) if pairs.holds(&pair) => {
                    pairs.renew(&pair, Term::For(times.term))?;
                    restored.renewed += 1;
                    held.insert(name, pair);
                }
                // Its time was over, and another client needed an address. The other half may be left.
                Row::Held(pair) => {
                    pairs.release(&pair)?;
                    restored.over += 1;
                }
                // The last server may have died before it did so.
                Row::StruckOut(pair) => {
                    pairs.release(&pair)?;
                    restored.released += 1;
                }
            }
        }
        let server = Self {
            rows: Rows::begin(folder, ROWS, &held)?,
            pairs,
            times,
            newest: std::array::from_fn(|_| Mutex::default()),
            sessions: AtomicU64::new(0),
            _only: only,
        };
        Ok((server, restored))
    }

    /// Begins a session, for a new connection.
    pub fn session(&self) -> Session {
        Session {
            // Relaxed: only the number counts.
            number: self.sessions.fetch_add(1, Ordering::Relaxed),
            name: None,
            holds: Holds::Nothing,
        }
    }

    /// Answers a line. May wait for the disk.
    pub fn answer(&self, session: &mut Session, line: &str) -> Result<String, Fatal> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["HELLO", name] = words[..] {
            return self.hello(session, name);
        }
        let ([command], Some(name)) = (&words[..], session.name.clone()) else {
            return Ok("WRONG say HELLO and a name first".to_owned());
        };
        let newest = self.newest_of(&name);
        if newest.get(&name) != Some(&session.number) {
            return Ok("REPLACED".to_owned());
        }
        let (holds, answer) = match (*command, session.holds) {
            ("CONFIRM", Holds::Offered(pair) | Holds::Confirmed(pair)) => {
                // The row first: once the pair is renewed, it no longer ends with the offer.
                self.rows.write(&name, Row::Held(pair))?;
                self.renewed(&name, pair)?
            }
            ("KEEP", Holds::Confirmed(pair)) => self.renewed(&name, pair)?,
            ("BYE", Holds::Offered(pair) | Holds::Confirmed(pair)) => {
                self.give_back(&name, pair)?;
                (Holds::Nothing, "OK")
            }
            (_, holds) => (holds, "WRONG not now"),
        };
        session.holds = holds;
        Ok(answer.to_owned())
    }

    fn hello(&self, session: &mut Session, name: &str) -> Result<String, Fatal> {
        let is_known = |&byte: &u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_name = name.len() <= 64 && name.as_bytes().iter().all(is_known);
        if !is_name || session.name.as_ref().is_some_and(|own| own != name) {
            return Ok("WRONG name".to_owned());
        }
        let mut newest = self.newest_of(name);
        newest.insert(name.to_owned(), session.number);
        session.name = Some(name.to_owned());
        match self.pairs.offer(name, self.times.offer) {
            Ok(pair) => {
                session.holds = Holds::Offered(pair);
                Ok(format!("PAIR {pair}"))
            }
            Err(error) if error.is_exhausted() => Ok("FULL".to_owned()),
            Err(error) => Err(error.into()),
        }
    }

    fn renewed(&self, name: &str, pair: Pair) -> Result<(Holds, &'static str), Fatal> {
        if self.pairs.renew(&pair, Term::For(self.times.term))? {
            return Ok((Holds::Confirmed(pair), "OK"));
        }
        self.give_back(name, pair)?;
        Ok((Holds::Nothing, "ENDED"))
    }

    fn give_back(&self, name: &str, pair: Pair) -> Result<(), Fatal> {
        // The row first: a row that names a pair which is free would be worse than a pair that is taken a little longer.
        self.rows.write(name, Row::StruckOut(pair))?;
        self.pairs.release(&pair)
    }

    /// Ends a session. Its pair stays until its time is over: the client may come back.
    pub fn leave(&self, session: &Session) {
        if let Some(name) = &session.name {
            let mut newest = self.newest_of(name);
            if newest.get(name) == Some(&session.number) {
                newest.remove(name);
            }
        }
    }

    fn newest_of(&self, name: &str) -> MutexGuard<'_, HashMap<String, u64>> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let lock = &self.newest[(hasher.finish() % self.newest.len() as u64) as usize];
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
