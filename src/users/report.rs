//! What became of the entries of a list.

use super::Ambiguous;
use super::record::Listed;
use std::fmt;
use std::net::IpAddr;

/// How many problems a report names; the counts have all of them.
const MAX_PROBLEMS: usize = 100;
/// How much of an entry's text a report quotes, in characters.
const MAX_QUOTED: usize = 64;

/// What [`Pool::adopt`](crate::Pool::adopt) made of a user list.
///
/// Nothing is skipped in silence: every entry is in exactly one of the counts, except that
/// `ambiguous` counts a second time what an ambiguous entry was treated as.
///
/// ```
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let report = pool.adopt(["10.0.0.5", "10.0.0.1", "10.9.9.9", "10.0.0.05", ""]);
/// assert_eq!(report.entries, 5);
/// assert_eq!((report.taken, report.reserved, report.out_of_range), (1, 1, 1));
/// assert_eq!((report.unparseable, report.unassigned), (1, 1));
/// assert_eq!(report.problems[2].to_string(), "entry 4: \"10.0.0.05\" is not an address");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Adopted {
    /// How many entries the list had.
    pub entries: u64,
    /// Addresses that were free and are taken now. An expanded block counts each of them.
    pub taken: u64,
    /// Addresses that were taken before. An expanded block counts each of them.
    pub already: u64,
    /// Entries that name nothing but addresses named before, without another owner: harmless.
    pub repeated: u64,
    /// Entries that name an address again, for another owner. A block in several parts may count
    /// more than once.
    pub duplicate: u64,
    /// Entries for a reserved address: nothing changes. An expanded block counts once for each
    /// reservation in it.
    pub reserved: u64,
    /// Entries for an address of the same family that is not of the pool.
    pub out_of_range: u64,
    /// Entries for an address of the other family.
    pub wrong_family: u64,
    /// Entries with a prefix length that does not say what it means, as far as they touch the pool. Counted
    /// again as what became of them.
    pub ambiguous: u64,
    /// Users without an address.
    pub unassigned: u64,
    /// Entries that are no address at all. While there are any, the list proves nothing about what
    /// it does not name.
    pub unparseable: u64,
    /// The first 100 entries that deserve a look, in the order of the list.
    pub problems: Vec<Problem>,
}

/// One entry of a list that deserves a look.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Problem {
    /// Which entry, counted from 1.
    pub position: u64,
    /// At most 64 characters of what it says.
    pub text: String,
    /// What is the matter.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: ProblemKind,
}

/// What is the matter with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Two owners claim one address. No winner is chosen: it stays taken.
    #[non_exhaustive]
    Duplicate {
        /// The address.
        addr: IpAddr,
        /// Who claims it here.
        owner: String,
        /// The entry that claimed it first.
        first_position: u64,
        /// Who claimed it there.
        first_owner: String,
    },
    /// The address is reserved.
    #[non_exhaustive]
    Reserved {
        /// Why it is reserved.
        label: String,
    },
    /// The address is not of the pool.
    OutOfRange,
    /// The address is of the other family.
    WrongFamily,
    /// The prefix length does not say what it means.
    Ambiguous,
    /// It is not an address.
    Unparseable,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, text, .. } = self;
        write!(f, "entry {position}: {text:?} {}", self.kind)
    }
}

/// The end of a sentence that begins with the entry's text.
impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate {
                owner,
                first_position,
                first_owner,
                ..
            } => write!(
                f,
                "is claimed by {owner:?}, and by {first_owner:?} in entry {first_position}"
            ),
            Self::Reserved { label } => write!(f, "is reserved: {label}"),
            Self::OutOfRange => f.write_str("is not of the pool"),
            Self::WrongFamily => f.write_str("is of the other address family"),
            Self::Ambiguous => f.write_str("may mean an address or a block"),
            Self::Unparseable => f.write_str("is not an address"),
        }
    }
}

/// An entry as it was written.
pub(crate) struct Quoted<'a>(pub(crate) Listed<'a>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Listed::Text(text) => f.write_str(text),
            Listed::Addr(addr) => addr.fmt(f),
            Listed::Net(net) => net.fmt(f),
        }
    }
}

/// As much of a text as a report quotes.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

/// Joins the problems that several readers have noted of one list.
pub(crate) fn join_problems(noted: impl IntoIterator<Item = Vec<Problem>>) -> Vec<Problem> {
    let mut problems: Vec<_> = noted.into_iter().flatten().collect();
    problems.sort_by_key(|problem| problem.position);
    // A block that several have read is one ambiguous entry.
    let mut last_ambiguous = 0;
    problems.retain(|problem| {
        let is_ambiguous = problem.kind == ProblemKind::Ambiguous;
        let is_again = is_ambiguous && problem.position == last_ambiguous;
        if is_ambiguous {
            last_ambiguous = problem.position;
        }
        !is_again
    });
    problems.truncate(MAX_PROBLEMS);
    problems
}

impl Adopted {
    /// Whether an entry, read like that, leaves open what the list says. A rejected one counts as unparseable.
    pub(crate) fn is_unclear(&self, ambiguous: Ambiguous) -> bool {
        self.unparseable != 0 || self.ambiguous != 0 && ambiguous != Ambiguous::Expand
    }

    /// Adds what became of another share of the same list. The number of entries stays, and the problems
    /// are left to [`join_problems`].
    pub(crate) fn add(&mut self, share: &Self) {
        self.taken += share.taken;
        self.already += share.already;
        self.repeated += share.repeated;
        self.duplicate += share.duplicate;
        self.reserved += share.reserved;
        self.out_of_range += share.out_of_range;
        self.wrong_family += share.wrong_family;
        self.ambiguous += share.ambiguous;
        self.unassigned += share.unassigned;
        self.unparseable += share.unparseable;
    }

    /// Notes a problem, if there is room for one more.
    pub(crate) fn note(&mut self, kind: ProblemKind, text: impl fmt::Display) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem {
                position: self.entries,
                text: quoted(&text.to_string()),
                kind,
            });
        }
    }
}
