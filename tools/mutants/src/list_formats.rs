//! The mutants of lists: what an entry means, and how the formats of programs are read.

use crate::checks::Check::{Lists, ListsUnit, Test, UnitIn};
use crate::list::{Mutant, edit, mutant};

const JSON: &str = "crates/hostbits-lists/src/formats/json.rs";
const DHCPD: &str = "crates/hostbits-lists/src/formats/dhcpd.rs";
const LIST: &str = "crates/hostbits-lists/src/list.rs";

pub(crate) const MUTANTS: &[Mutant] = &[
    mutant(
        "lists: one more unreadable entry passes than was said",
        &[edit(
            "src/users/entry.rs",
            "Self::Skip { at_most } => unparseable > at_most,",
            "Self::Skip { at_most } => unparseable > at_most + 1,",
        )],
        &[Test("users", "a_list_that_cannot_be_read_is_refused")],
    ),
    mutant(
        "lists: what covers the ranges is a route",
        &[edit(
            "src/geometry/mod.rs",
            "let network = self.network.and_then(|network| ends(network.into()));",
            "let last = self.last_addr_of(self.segments[self.segments.len() - 1].last);\n        \
             let network = Some((self.segments[0].base, last));",
        )],
        &[Test("users", "what_covers_the_ranges_alone_is_a_block")],
    ),
    mutant(
        "lists: a route covers more than the network",
        &[edit(
            "src/geometry/mod.rs",
            "first <= low && high <= last)",
            "first <= low && high < last)",
        )],
        &[Test("users", "every_entry_means_what_the_table_says")],
    ),
    mutant(
        "lists: no address is a broken one",
        &[edit(
            "src/users/entry.rs",
            "\"none\", \"null\", \"nil\",",
            "\"no one\", \"null\", \"nil\",",
        )],
        &[UnitIn("src/users/entry.rs", "users::entry")],
    ),
    mutant(
        "lists: the gateway by its own router is drift",
        &[edit(
            "src/pool/list/listing.rs",
            "matches!(listed, Listed::Own(_)) && ",
            "matches!(listed, Listed::Block(_)) && ",
        )],
        &[Test("users", "prefixes_and_ranges_mean_one_thing")],
    ),
    mutant(
        "wireguard: a switched off peer holds nothing",
        &[edit(
            "crates/hostbits-lists/src/formats/wireguard.rs",
            "if let Some(items) = disabled_ips(line.bytes) {",
            "if let Some(items) = disabled_ips(line.bytes).filter(|_| false) {",
        )],
        &[Lists("wireguard", "what_is_switched_off_is_held")],
    ),
    mutant(
        "json: an owner of another object",
        &[edit(
            "crates/hostbits-lists/src/formats/element.rs",
            "let role = usual_role(name).filter(|_| self.is_top);",
            "let role = usual_role(name).filter(|role| self.is_top || *role == Role::Owner);",
        )],
        &[Lists("json", "an_owner_is_of_the_same_object")],
    ),
    mutant(
        "json: of a name that comes twice the last one counts",
        &[edit(
            "crates/hostbits-lists/src/formats/value.rs",
            "Some(_) => Err(Fault(TWICE)),",
            "Some(_) => Ok(()),",
        )],
        &[ListsUnit("formats/value.rs", "formats::value")],
    ),
    mutant(
        "json: a filter that goes back to the whole gets elements",
        &[edit(
            "crates/hostbits-lists/src/query.rs",
            "Term::BinOp(first, BinaryOp::Pipe(None), _)",
            "Term::BinOp(first, BinaryOp::Pipe(_), _)",
        )],
        &[ListsUnit("query.rs", "query::")],
    ),
    mutant(
        "json: an array of any depth is the one that a filter goes over",
        &[edit(
            JSON,
            "let is_just_below = scan.depth as usize == self.passed + 1;",
            "let is_just_below = scan.depth as usize > self.passed;",
        )],
        &[ListsUnit("formats/json/way.rs", "formats::json::way")],
    ),
    mutant(
        "json: what stands around the array is not read",
        &[edit(
            JSON,
            "        let Some(around) = self.around.take() else {\n            return Ok(Place::Between);\n        };\n        \
             self.scan = around;\n        self.scan.push(b']', line)?;\n        Ok(Place::Alone)",
            "        let _ = (self.around.take(), line);\n        Ok(Place::Between)",
        )],
        &[ListsUnit("formats/json/way.rs", "formats::json::way")],
    ),
    mutant(
        "dhcpd: what has expired is free",
        &[edit(
            DHCPD,
            "_ => lease.state == b\"free\",",
            "_ => lease.state == b\"free\" || lease.state == b\"expired\",",
        )],
        &[Lists("dhcpd", "only_free_is_free")],
    ),
    mutant(
        "dhcpd: a reserved lease is in the state of its last use",
        &[edit(
            DHCPD,
            "match lease.is_reserved && lease.state != b\"active\" {",
            "match false {",
        )],
        &[Lists(
            "states",
            "what_is_left_out_is_counted_and_all_else_is_held",
        )],
    ),
    mutant(
        "kea: a released lease is free",
        &[edit(
            "crates/hostbits-lists/src/formats/kea.rs",
            "|| state == RECLAIMED {",
            "|| state == RECLAIMED || state == \"released\" {",
        )],
        &[Lists("kea", "the_last_row_of_an_address_counts")],
    ),
    mutant(
        "lists: an entry without a state is left out",
        &[edit(
            LIST,
            "    let Some(state) = record.state else {\n        return true;\n    };",
            "    let Some(state) = record.state else {\n        return false;\n    };",
        )],
        &[Lists(
            "states",
            "what_is_left_out_is_counted_and_all_else_is_held",
        )],
    ),
    mutant(
        "lists: one of which all is left out is of another format",
        &[edit(
            LIST,
            "            && left_out.iter().all(|&(_, count)| count == 0)\n",
            "            && left_out.len() < usize::MAX\n",
        )],
        &[Lists("states", "all_of_a_list_can_be_left_out")],
    ),
];
