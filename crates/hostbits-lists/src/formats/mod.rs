//! The formats, one module each. They do not depend on each other, except for shared helpers.

pub(crate) mod beside;
pub(crate) mod by_line;
mod dhcpd;
mod dhcpd_words;
mod dnsmasq;
mod dnsmasq_hosts;
mod element;
pub(crate) mod host_local;
mod json;
mod kea;
mod kea_conf;
pub(crate) mod kea_files;
mod ndjson;
mod netdev;
mod networkd;
mod odhcpd;
pub(crate) mod openvpn_ccd;
mod openvpn_ipp;
mod openvpn_status;
mod plain;
mod radippool;
mod table;
mod value;
mod wg_dump;
mod wireguard;
mod xml;
mod yielded;

use crate::format::Format;
use crate::lines::Lines;
use crate::list::Reader;
use crate::query::Filter;
use crate::sniff::Sniffed;
use beside::Elsewhere;
use by_line::ByLine;
use json::{JsonValues, Reading};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::rc::Rc;
use xml::ConfigXml;

/// Returns a reader of `input` in the given format.
pub(crate) fn reader<'input>(
    format: Format,
    input: impl Read + 'input,
) -> Box<dyn Reader + 'input> {
    let input = Sniffed::new(input);
    match format {
        Format::Lines => Box::new(plain::Plain::addresses(input)),
        Format::Csv(columns) => Box::new(plain::Plain::csv(input, columns)),
        Format::Columns(columns) => Box::new(ByLine::new(input, table::Table::new(columns))),
        Format::Ndjson(query) => Box::new(ByLine::over(
            Lines::with_max(input, ndjson::MAX_LINE_BYTES),
            ndjson::Ndjson::new(&query),
        )),
        Format::Json(query) => Box::new(JsonValues::new(input, Reading::of(&query))),
        Format::Preset(preset) => {
            let over = preset.sees_items_only().then_some("items");
            let reading = known(&preset.filter(), over, preset.elsewhere());
            Box::new(JsonValues::new(input, reading))
        }
        Format::Wireguard => Box::new(ByLine::new(input, wireguard::Wireguard::default())),
        Format::WgDump => Box::new(ByLine::new(input, wg_dump::WgDump::default())),
        Format::Netdev => Box::new(ByLine::new(input, netdev::Netdev::default())),
        Format::Dnsmasq => Box::new(ByLine::new(input, dnsmasq::Dnsmasq)),
        Format::DnsmasqHosts => Box::new(ByLine::new(input, dnsmasq_hosts::DnsmasqHosts)),
        Format::HostLocal | Format::OpenvpnCcd => Box::new(host_local::NoDirectory),
        Format::Kea => Box::new(ByLine::new(input, kea::Kea::default())),
        Format::KeaConf => {
            let reading = known(kea_conf::FILTER, None, kea_conf::ELSEWHERE);
            Box::new(JsonValues::new(input, reading).with_comments())
        }
        Format::Dhcpd => Box::new(ByLine::new(input, dhcpd::Dhcpd::default())),
        Format::Odhcpd => Box::new(ByLine::new(input, odhcpd::Odhcpd::default())),
        Format::Networkd => Box::new(JsonValues::new(
            input,
            known(networkd::FILTER, None, networkd::ELSEWHERE),
        )),
        Format::OpenvpnIpp { net30 } => {
            Box::new(ByLine::new(input, openvpn_ipp::OpenvpnIpp { net30 }))
        }
        Format::OpenvpnStatus => {
            Box::new(ByLine::new(input, openvpn_status::OpenvpnStatus::default()))
        }
        Format::Opnsense => Box::new(ConfigXml::new(input, "opnsense")),
        Format::Pfsense => Box::new(ConfigXml::new(input, "pfsense")),
        Format::Radippool => Box::new(ByLine::new(input, radippool::Radippool::default())),
    }
}

/// Compiles a built-in filter; `over` is the array that it iterates over, if it sees nothing else. A test compiles them
/// all; each thread compiles a filter once.
fn known(filter: &str, over: Option<&str>, elsewhere: Elsewhere) -> Reading {
    Reading::Known(compiled(filter, over), elsewhere)
}

fn compiled(filter: &str, over: Option<&str>) -> Rc<Filter> {
    thread_local! {
        static COMPILED: RefCell<HashMap<String, Rc<Filter>>> = RefCell::default();
    }
    let compiled = COMPILED.with_borrow(|compiled| compiled.get(filter).cloned());
    if let Some(filter) = compiled {
        return filter;
    }
    match Filter::compile(filter) {
        Ok(compiled) => {
            let compiled = Rc::new(match over {
                Some(name) => compiled.over(name),
                None => compiled,
            });
            COMPILED.with_borrow_mut(|all| all.insert(filter.to_owned(), compiled.clone()));
            compiled
        }
        Err(error) => panic!("a built-in filter is invalid: {error}"),
    }
}
