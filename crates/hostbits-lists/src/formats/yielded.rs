//! The results of a jq filter: strings, or objects with addresses.

use super::value::parse;
use crate::batch::Batch;
use crate::error::Fault;
use crate::query::Filter;
use jaq_json::{Map, Val};

/// The names that an object which a filter yields may have.
const NAMES: [&str; 7] = [
    "address",
    "addresses",
    "owner",
    "state",
    "own",
    "held",
    "unclear",
];

/// Adds what the filter yields for a value, or for one element of the array that it iterates over.
///
/// An error of the filter ends the list, because the results after it are unknown.
pub(super) fn read(
    filter: &Filter,
    value: &[u8],
    is_element: bool,
    line: u64,
    out: &mut Batch,
) -> Result<(), Fault> {
    let parsed = parse(value).map_err(|what| Fault::malformed(what, line, value))?;
    let whole = match is_element {
        true => filter.alone(parsed),
        false => parsed,
    };
    let mut error = None;
    filter.run(whole, |yielded| match yielded {
        Ok(value) => {
            out.element += 1;
            one(&value, line, out);
        }
        Err(what) => error = Some(what),
    });
    match error {
        None => Ok(()),
        Some(what) => Err(Fault::malformed(
            "the filter has failed",
            line,
            what.as_bytes(),
        )),
    }
}

fn one(value: &Val, line: u64, out: &mut Batch) {
    out.is_known = true;
    match value {
        Val::Null => out.text(line, b"", None, None),
        Val::TStr(text) => out.text(line, text, None, None),
        Val::Obj(object) => fields(object, line, out),
        other => broken(other, line, out),
    }
}

fn fields(object: &Map, line: u64, out: &mut Batch) {
    let at = |name: &str| object.get(&Val::utf8_str(name.to_owned()));
    let is_known = |name: &Val| match name {
        Val::TStr(name) => NAMES.iter().any(|known| known.as_bytes() == &***name),
        _ => false,
    };
    let (one, many) = (at("address"), at("addresses"));
    if let Some(Val::TStr(what)) = at("unclear") {
        let owner = at("owner").map(Val::to_string).unwrap_or_default();
        let what = String::from_utf8_lossy(what);
        return out.broken(line, &what, owner.as_bytes());
    }
    if (one.is_none() && many.is_none()) || !object.keys().all(is_known) {
        let what = "the filter must yield objects with address or addresses, owner, state, own, held, or unclear";
        let text = Val::Obj(object.clone().into()).to_string();
        return out.broken(line, what, text.as_bytes());
    }
    let is_own = matches!(at("own"), Some(Val::Bool(true)));
    let is_held = !matches!(at("held"), Some(Val::Bool(false)));
    let name = |name: &str| match at(name) {
        None | Some(Val::Null) => Vec::new(),
        Some(Val::TStr(text)) => text.to_vec(),
        Some(other) => other.to_string().into_bytes(),
    };
    let (owner, state) = (name("owner"), name("state"));
    out.disabled += u64::from(state == b"disabled");
    let mut count = 0;
    let mut each = |value: &Val, out: &mut Batch| {
        let owner = out.keep_name(&owner);
        match value {
            Val::Null => return,
            Val::TStr(text) if !is_held => {
                out.not_held += 1;
                out.released.push(String::from_utf8_lossy(text).into());
            }
            Val::TStr(text) if is_own => out.own(line, text, owner),
            Val::TStr(text) if text.trim_ascii().is_empty() => return,
            Val::TStr(text) => {
                let state = out.keep_name(&state);
                out.text(line, text, owner, state);
            }
            other => broken(other, line, out),
        }
        count += 1;
    };
    for value in [one, many].into_iter().flatten() {
        match value {
            Val::Arr(values) => values.iter().for_each(|value| each(value, out)),
            value => each(value, out),
        }
    }
    if count == 0 {
        let (owner, state) = (out.keep_name(&owner), out.keep_name(&state));
        out.text(line, b"", owner, state);
    }
}

fn broken(value: &Val, line: u64, out: &mut Batch) {
    let text = value.to_string();
    out.broken(line, "neither an address nor an object", text.as_bytes());
}
