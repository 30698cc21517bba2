//! Generated mutants that nothing can notice, because there is nothing to notice; each with the argument.

/// A name, in which `*` stands for anything, and why it does no harm.
pub(crate) type Harmless = (&'static str, &'static str);

pub(crate) const HARMLESS: &[Harmless] = &[];

/// The argument for a mutant of this name.
pub(crate) fn argument(name: &str) -> Option<&'static str> {
    let found = HARMLESS
        .iter()
        .find(|(pattern, _)| matches(pattern, name))?;
    Some(found.1)
}

pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or("");
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(part) = last.replace(part) {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}
