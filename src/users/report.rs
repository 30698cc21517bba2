//! The result of reading a list.

use super::Unreadable;
use super::record::Listed;
use crate::file_refusal::FileRefusal;
use std::error::Error;
use std::fmt;
use std::net::IpAddr;

/// How many problems of each kind a report contains at most; the counts include all of them.
pub(crate) const MAX_PROBLEMS: u64 = 100;
/// How much of an entry's text a report quotes at most, in characters.
const MAX_QUOTED: usize = 64;

/// The result of adopting a user list; see [`Pool::adopt`](crate::Pool::adopt).
///
/// Nothing is skipped silently: an entry for a single address of the pool counts among `taken`, `already`, `repeated`
/// or `duplicate`; every other entry is in exactly one of the counts.
///
/// ```
/// # use hostbits::users::Unreadable;
/// let pool = hostbits::Pool::new("10.0.0.0/24".parse::<ipnet::Ipv4Net>()?)?;
/// let users = ["10.0.0.5", "10.0.0.1", "10.9.9.9", "10.0.0.05", ""];
/// let report = pool.adopt_with(Unreadable::Skip { at_most: 1 }, users)?;
/// assert_eq!(report.entries, 5);
/// assert_eq!((report.taken, report.reserved, report.out_of_range), (1, 1, 1));
/// assert_eq!((report.unparseable, report.unassigned), (1, 1));
/// assert_eq!(report.problems[0].to_string(), "entry 4: \"10.0.0.05\" is not an address");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[must_use = "it says which entries of the list were not what they should be"]
#[non_exhaustive]
pub struct Adopted {
    /// How many entries the list had.
    pub entries: u64,
    /// Addresses that were free and are now allocated. A block counts each of its addresses.
    pub taken: u64,
    /// Addresses that were allocated before. A block counts each of its addresses.
    pub already: u64,
    /// Entries that only repeat addresses of earlier entries, without another owner: harmless.
    pub repeated: u64,
    /// Entries that list an address again, for another owner.
    pub duplicate: u64,
    /// Entries that list only reserved addresses. They change nothing.
    pub reserved: u64,
    /// Entries for the gateway that are the router's own address; see [`Listed::Own`].
    pub own: u64,
    /// Entries of the same family that are not in the pool.
    pub out_of_range: u64,
    /// Entries of the other family.
    pub wrong_family: u64,
    /// Entries that list a block or a range of several addresses, including one that no earlier entry lists.
    pub blocks: u64,
    /// Prefixes that cover the pool's whole network: routes to it, which hold nothing. A prefix that covers only the
    /// pool's ranges is a block.
    pub routes: u64,
    /// Addresses outside the recognized fields that are not in the pool; see [`Listed::Stray`].
    pub passed: u64,
    /// Users without an address.
    pub unassigned: u64,
    /// Entries that cannot be read. If there are any, the list proves nothing about addresses that it does not contain.
    pub unparseable: u64,
    /// Entries that name another generation than the lease of their address has. Counted only by passes over lease pools.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_zero"))]
    pub other_generation: u64,
    /// Entries that deserve attention, the most dangerous kind first: unreadable entries, then duplicates, reserved
    /// addresses, addresses out of range, and addresses of the other family. At most 100 of each kind.
    pub problems: Vec<Problem>,
}

/// Counts that only some pools have are left out elsewhere.
#[cfg(feature = "serde")]
#[allow(clippy::trivially_copy_pass_by_ref)] // The signature is serde's.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Why a list was refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum AdoptError {
    /// More entries cannot be read than [`Unreadable`](crate::users::Unreadable) allows. The addresses that they hold
    /// would be handed out.
    Unreadable {
        /// The result for the entries. None of the addresses was allocated.
        adopted: Box<Adopted>,
    },
    /// The pool file cannot be used. Only a [`LeasePool`](crate::lease::LeasePool) returns it; adopt the list again in a pool
    /// that was opened again.
    #[cfg_attr(feature = "serde", serde(untagged))]
    File(FileRefusal),
}

impl From<FileRefusal> for AdoptError {
    fn from(refusal: FileRefusal) -> Self {
        Self::File(refusal)
    }
}

impl AdoptError {
    /// Returns a stable name in kebab case, for logs, JSON and exit codes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::File(refusal) => refusal.code(),
        }
    }
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let adopted = match self {
            Self::Unreadable { adopted } => adopted,
            Self::File(refusal) => return refusal.fmt(f),
        };
        match adopted.unparseable {
            1 => write!(f, "1 entry of the list cannot be read"),
            count => write!(f, "{count} entries of the list cannot be read"),
        }?;
        if let Some(problem) = adopted.problems.first() {
            write!(f, "; {problem}")?;
        }
        Ok(())
    }
}

impl Error for AdoptError {}

/// One entry of a list that deserves attention.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Problem {
    /// The position of the entry, counted from 1.
    pub position: u64,
    /// Up to 64 characters of the entry.
    pub text: String,
    /// The owner of the entry, if the list names one; up to 64 characters.
    #[cfg_attr(
        feature = "serde",
        serde(default, skip_serializing_if = "Option::is_none")
    )]
    pub holder: Option<String>,
    /// What is wrong with the entry.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub kind: ProblemKind,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "code", rename_all = "kebab-case")
)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Two owners claim one address. Neither is preferred; the address stays allocated.
    #[non_exhaustive]
    Duplicate {
        /// The address in question.
        addr: IpAddr,
        /// The owner in this entry.
        owner: String,
        /// The position of the entry that claimed it first.
        first_position: u64,
        /// The owner in that entry.
        first_owner: String,
    },
    /// The address is reserved.
    #[non_exhaustive]
    Reserved {
        /// The reason for the reservation.
        label: String,
    },
    /// The address is not in the pool.
    OutOfRange,
    /// The address belongs to the other family.
    WrongFamily,
    /// The text is not an address.
    Unparseable,
    /// It is an address of the pool, but outside the recognized fields.
    Stray,
    /// The address is leased in another generation: the lease of this entry has ended, and was not renewed.
    #[non_exhaustive]
    OtherGeneration {
        /// The generation in this entry.
        generation: u64,
        /// The generation of the lease.
        leased: u64,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, text, .. } = self;
        write!(f, "entry {position}: {text:?} {}", self.kind)
    }
}

impl ProblemKind {
    /// Returns the rank of the problem: the most dangerous kind first.
    fn weight(&self) -> usize {
        match self {
            Self::Unparseable | Self::Stray => 0,
            Self::Duplicate { .. } => 1,
            Self::Reserved { .. } => 2,
            Self::OutOfRange => 3,
            Self::WrongFamily => 4,
            Self::OtherGeneration { .. } => 5,
        }
    }
}

/// Writes the end of a sentence that begins with the entry's text.
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
            Self::OutOfRange => f.write_str("is not in the pool"),
            Self::WrongFamily => f.write_str("belongs to the other address family"),
            Self::Unparseable => f.write_str("is not an address"),
            Self::Stray => f.write_str("is in the pool, but not in a recognized address field"),
            Self::OtherGeneration { generation, leased } => write!(
                f,
                "has generation {generation}, but is leased in generation {leased}"
            ),
        }
    }
}

/// Displays an entry as it was written.
pub(crate) struct Quoted<'a>(pub(crate) Listed<'a>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Listed::Text(text)
            | Listed::Block(text)
            | Listed::Own(text)
            | Listed::Stray(text)
            | Listed::Broken(text) => f.write_str(text),
            Listed::Addr(addr) => addr.fmt(f),
            Listed::Net(net) => net.fmt(f),
        }
    }
}

/// Returns as much of a text as a report quotes.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().take(MAX_QUOTED).collect()
}

/// Joins the problems that several readers found in one list.
pub(crate) fn join_problems(noted: impl IntoIterator<Item = Vec<Problem>>) -> Vec<Problem> {
    let mut problems: Vec<_> = noted.into_iter().flatten().collect();
    problems.sort_by_key(|problem| (problem.kind.weight(), problem.position));
    let mut counts = [0; 6];
    problems.retain(|problem| {
        let count = &mut counts[problem.kind.weight()];
        *count += 1;
        *count <= MAX_PROBLEMS
    });
    problems
}

impl Adopted {
    /// Returns whether the entries leave open what the list says.
    pub(crate) fn is_unclear(&self, unreadable: Unreadable) -> bool {
        unreadable.refuses(self.unparseable)
    }

    /// Returns the report, unless the list is refused.
    pub(crate) fn check(&self, unreadable: Unreadable) -> Result<(), AdoptError> {
        match self.is_unclear(unreadable) {
            false => Ok(()),
            true => Err(AdoptError::Unreadable {
                adopted: Box::new(Self {
                    problems: join_problems([self.problems.clone()]),
                    ..self.clone()
                }),
            }),
        }
    }

    /// Adds the result of another share of the same list. The number of entries stays as it is, and problems are joined
    /// by [`join_problems`].
    pub(crate) fn add(&mut self, share: &Self) {
        self.taken += share.taken;
        self.already += share.already;
        self.repeated += share.repeated;
        self.duplicate += share.duplicate;
        self.reserved += share.reserved;
        self.own += share.own;
        self.out_of_range += share.out_of_range;
        self.wrong_family += share.wrong_family;
        self.blocks += share.blocks;
        self.routes += share.routes;
        self.passed += share.passed;
        self.unassigned += share.unassigned;
        self.unparseable += share.unparseable;
        self.other_generation += share.other_generation;
    }

    /// Counts a problem, and records it if there is room for one more of its kind.
    pub(crate) fn note(&mut self, kind: ProblemKind, text: impl fmt::Display, owner: Option<&str>) {
        let count = match &kind {
            ProblemKind::Unparseable | ProblemKind::Stray => &mut self.unparseable,
            ProblemKind::Duplicate { .. } => &mut self.duplicate,
            ProblemKind::Reserved { .. } => &mut self.reserved,
            ProblemKind::OutOfRange => &mut self.out_of_range,
            ProblemKind::WrongFamily => &mut self.wrong_family,
            ProblemKind::OtherGeneration { .. } => &mut self.other_generation,
        };
        *count += 1;
        if *count <= MAX_PROBLEMS {
            self.problems.push(Problem {
                position: self.entries,
                text: quoted(&text.to_string()),
                holder: owner.map(quoted),
                kind,
            });
        }
    }
}
