//! A client: it comes, keeps its pair for a while, goes or vanishes, and comes back.

use crate::ledger::Ledger;
use crate::random::Random;
use crate::{CLOCK, COOLDOWN, LONGER, OFFER, TERM};
use lease_server_example::pair::Pair;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a client waits for an answer of a server that lives.
const PATIENCE: Duration = Duration::from_secs(20);

/// The shortest rest.
const MOMENT: Duration = Duration::from_millis(10);

/// What all clients share.
pub(crate) struct Shared {
    port: AtomicU16,
    is_over: AtomicBool,
    /// No client rests: most of them ask at the same time.
    is_rush: AtomicBool,
    /// Held by every client while it asks, and by the audit against all of them.
    asking: RwLock<()>,
    ledger: Mutex<Ledger>,
    wrongs: Mutex<Vec<String>>,
    pub(crate) counts: Counts,
}

macro_rules! counts {
    ($($name:ident: $least:literal $what:literal,)*) => {
        /// What has happened, and how often it must at least: a run in which little happened has shown nothing.
        #[derive(Default)]
        pub(crate) struct Counts {
            $($name: AtomicU64,)*
        }

        impl Counts {
            pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64, u64)> {
                [$(($what, self.$name.load(Relaxed), $least),)*].into_iter()
            }
        }
    };
}

counts! {
    offered: 1 "pairs offered",
    same: 1 "that had to be the same as before",
    full: 1 "refused, since all were taken",
    confirmed: 1 "confirmed",
    kept: 1 "kept",
    ended: 0 "ended, since the client was late and others came",
    given_back: 1 "given back",
    vanished: 1 "clients vanished",
    unread: 1 "commands whose answer was not read",
    unanswered: 1 "commands that a kill left without an answer",
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all()
            .try_for_each(|(what, count, _)| writeln!(f, "{count:6} {what}"))
    }
}

fn count(count: &AtomicU64) {
    count.fetch_add(1, Relaxed);
}

impl Shared {
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port: port.into(),
            is_over: false.into(),
            is_rush: false.into(),
            asking: RwLock::default(),
            ledger: Mutex::default(),
            wrongs: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// Says that there is a new server.
    pub(crate) fn moved(&self, port: u16) {
        self.port.store(port, Relaxed);
    }

    /// Begins a rush, or ends it.
    pub(crate) fn rush(&self, is_rush: bool) {
        self.is_rush.store(is_rush, Relaxed);
    }

    /// Waits until no client asks, and lets none ask.
    pub(crate) fn at_rest(&self) -> RwLockWriteGuard<'_, ()> {
        self.asking.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn asks(&self) -> RwLockReadGuard<'_, ()> {
        // Poisoned by an audit that has failed: the clients stop soon.
        self.asking.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.wrongs.lock().expect("wrongs").clone()
    }

    /// Stops the clients when it is dropped, also by a panic.
    pub(crate) fn stop_at_the_end(&self) -> impl Drop + '_ {
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        Stop(&self.is_over)
    }
}

/// Why a visit ended early.
enum Trouble {
    /// The server is gone: come again.
    Gone,
    /// The server broke a promise.
    Wrong(String),
}

/// What a client may rely on, by what it was answered: until then, the pair is its own, and it gets no other.
struct Promised {
    pair: Pair,
    until: Instant,
}

/// A client, whose name never changes.
pub(crate) struct Client<'a> {
    shared: &'a Shared,
    number: u64,
    random: Random,
    promised: Option<Promised>,
    /// It comes back at once: its last command may still be under way.
    is_hasty: bool,
}

/// A connection to the server.
struct Line<'a> {
    shared: &'a Shared,
    stream: BufReader<TcpStream>,
}

/// An answer, when it was asked for, and when it came.
struct Answer {
    text: String,
    asked: Instant,
    came: Instant,
}

impl<'a> Client<'a> {
    pub(crate) fn new(shared: &'a Shared, number: u64, seed: u64) -> Self {
        Self {
            shared,
            number,
            random: Random::new(seed.wrapping_mul(1_000_003) ^ (number + 1)),
            promised: None,
            is_hasty: false,
        }
    }

    pub(crate) fn live(mut self) {
        while !self.shared.is_over.load(Relaxed) {
            if let Err(Trouble::Wrong(wrong)) = self.visit() {
                let wrong = format!("client {}: {wrong}", self.number);
                println!("{wrong}");
                return self.shared.wrongs.lock().expect("wrongs").push(wrong);
            }
            if !std::mem::take(&mut self.is_hasty) {
                self.rest(COOLDOWN * 2);
            }
        }
    }

    /// Sleeps for at most this long, in a rush only for a moment.
    fn rest(&mut self, most: Duration) {
        let end = Instant::now() + self.random.between(MOMENT, most);
        loop {
            sleep(MOMENT);
            if Instant::now() >= end || self.shared.is_rush.load(Relaxed) {
                return;
            }
        }
    }

    fn visit(&mut self) -> Result<(), Trouble> {
        let counts = &self.shared.counts;
        let mut line = Line::open(self.shared)?;
        if !self.hello(&mut line)? {
            return Ok(());
        }
        match self.random.below(10) {
            0 => return vanish(counts),
            1 => return self.send_and_go(line, "CONFIRM"),
            _ => {}
        }
        if !self.extend(&mut line, "CONFIRM", &counts.confirmed)? {
            return Ok(());
        }
        for _ in 0..self.random.below(5) {
            match self.random.one_in(12) {
                true => sleep(TERM + LONGER + COOLDOWN),
                false => self.rest(TERM / 2),
            }
            if !self.extend(&mut line, "KEEP", &counts.kept)? {
                return Ok(());
            }
        }
        match self.random.below(6) {
            0 => vanish(counts),
            1 => {
                self.gives_back();
                self.send_and_go(line, "BYE")
            }
            _ => self.bye(&mut line),
        }
    }

    /// Asks for a pair; `false` if there is none.
    fn hello(&mut self, line: &mut Line<'_>) -> Result<bool, Trouble> {
        let answer = line.ask(&format!("HELLO client-{}", self.number))?;
        let promised = self.promised.take();
        let promised = promised.filter(|promised| answer.came < promised.until);
        if answer.text == "FULL" {
            count(&self.shared.counts.full);
            return match promised {
                Some(Promised { pair, .. }) => wrong(format!("FULL, and it has {pair}")),
                None => Ok(false),
            };
        }
        let pair = answer.text.strip_prefix("PAIR ");
        let Some(Ok(pair)) = pair.map(str::parse::<Pair>) else {
            return wrong(answer.text);
        };
        count(&self.shared.counts.offered);
        let mut until = answer.asked + OFFER - CLOCK;
        if let Some(before) = promised {
            count(&self.shared.counts.same);
            let old = before.pair;
            if (old.v4.addr(), old.v6.addr()) != (pair.v4.addr(), pair.v6.addr()) {
                return wrong(format!("it had {old}, and gets {pair}"));
            }
            until = until.max(before.until);
        }
        self.promise(pair, answer.came, until)?;
        Ok(true)
    }

    /// Confirms or keeps its pair; `false` if it has ended.
    fn extend(
        &mut self,
        line: &mut Line<'_>,
        command: &str,
        counted: &AtomicU64,
    ) -> Result<bool, Trouble> {
        let answer = line.ask(command)?;
        let Some(Promised { pair, until }) = self.promised.take() else {
            return wrong(format!("{command} without a pair"));
        };
        match answer.text.as_str() {
            "OK" => {
                count(counted);
                // An address is free for others one cooldown after its time at the earliest.
                self.promise(pair, answer.came, answer.asked + TERM + COOLDOWN - CLOCK)?;
                Ok(true)
            }
            "ENDED" if answer.came < until => wrong(format!(
                "{pair} has ended, {:?} too early",
                until - answer.came
            )),
            "ENDED" => {
                count(&self.shared.counts.ended);
                Ok(false)
            }
            other => wrong(format!("{command}: {other}")),
        }
    }

    fn bye(&mut self, line: &mut Line<'_>) -> Result<(), Trouble> {
        self.gives_back();
        let answer = line.ask("BYE")?;
        match answer.text.as_str() {
            "OK" => {
                count(&self.shared.counts.given_back);
                Ok(())
            }
            other => wrong(format!("BYE: {other}")),
        }
    }

    /// Sends a command, and goes without waiting for its answer.
    fn send_and_go(&mut self, mut line: Line<'_>, command: &str) -> Result<(), Trouble> {
        self.is_hasty = self.random.one_in(2);
        let _asking = self.shared.asks();
        count(&self.shared.counts.unread);
        line.write(command).map_err(|_| Trouble::Gone)
    }

    fn promise(&mut self, pair: Pair, from: Instant, until: Instant) -> Result<(), Trouble> {
        let mut ledger = self.shared.ledger.lock().expect("the ledger");
        let entered = ledger.promise(self.number, &pair, from, until);
        entered.map_err(Trouble::Wrong)?;
        self.promised = Some(Promised { pair, until });
        Ok(())
    }

    /// Enters, before it is said, that the pair is given back: it rests from then on, at the earliest.
    fn gives_back(&mut self) {
        if let Some(promised) = &mut self.promised {
            promised.until = promised.until.min(Instant::now() + COOLDOWN - CLOCK);
            let mut ledger = self.shared.ledger.lock().expect("the ledger");
            ledger.end(self.number, &promised.pair, promised.until);
        }
    }
}

fn wrong<T>(wrong: String) -> Result<T, Trouble> {
    Err(Trouble::Wrong(wrong))
}

fn vanish(counts: &Counts) -> Result<(), Trouble> {
    count(&counts.vanished);
    Ok(())
}

impl<'a> Line<'a> {
    fn open(shared: &'a Shared) -> Result<Self, Trouble> {
        let _asking = shared.asks();
        let connect = || -> io::Result<TcpStream> {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.port.load(Relaxed)))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = connect().map_err(|_| Trouble::Gone)?;
        Ok(Self {
            shared,
            stream: BufReader::new(stream),
        })
    }

    fn ask(&mut self, command: &str) -> Result<Answer, Trouble> {
        let _asking = self.shared.asks();
        let asked = Instant::now();
        let answer = self.write(command).and_then(|()| {
            let mut text = String::new();
            self.stream.read_line(&mut text)?;
            let text = text.strip_suffix('\n').ok_or(ErrorKind::UnexpectedEof)?;
            Ok(text.to_owned())
        });
        match answer {
            Ok(text) => Ok(Answer {
                text,
                asked,
                came: Instant::now(),
            }),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                wrong(format!("no answer to {command} in {PATIENCE:?}"))
            }
            Err(_) => {
                count(&self.shared.counts.unanswered);
                Err(Trouble::Gone)
            }
        }
    }

    fn write(&mut self, command: &str) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(format!("{command}\n").as_bytes())
    }
}
