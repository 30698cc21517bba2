//! The formats, a file for each. None of them knows another.

pub(crate) mod by_line;
mod dhcpd;
mod dhcpd_words;
mod element;
pub(crate) mod host_local;
mod json;
mod kea;
pub(crate) mod kea_files;
mod ndjson;
mod openvpn_ipp;
mod openvpn_status;
mod plain;
mod radippool;
mod wg_dump;
mod wireguard;

use crate::format::Format;
use crate::lines::Lines;
use crate::list::Reader;
use by_line::ByLine;
use std::io::Read;

/// What reads `input` as `format`.
pub(crate) fn reader<'input>(
    format: Format,
    input: impl Read + 'input,
) -> Box<dyn Reader + 'input> {
    match format {
        Format::Lines => Box::new(plain::Plain::addresses(input)),
        Format::Csv => Box::new(plain::Plain::csv(input)),
        Format::Ndjson(fields) => Box::new(ByLine::over(
            Lines::with_max(input, element::MAX_ELEMENT_BYTES),
            ndjson::Ndjson::new(fields),
        )),
        Format::Json(fields) => Box::new(json::JsonArray::new(input, fields)),
        Format::Wireguard => Box::new(ByLine::new(input, wireguard::Wireguard::default())),
        Format::WgDump => Box::new(ByLine::new(input, wg_dump::WgDump::default())),
        Format::HostLocal => Box::new(host_local::NoDirectory),
        Format::Kea => Box::new(ByLine::new(input, kea::Kea::default())),
        Format::Dhcpd => Box::new(ByLine::new(input, dhcpd::Dhcpd::default())),
        Format::OpenvpnIpp { net30 } => {
            Box::new(ByLine::new(input, openvpn_ipp::OpenvpnIpp { net30 }))
        }
        Format::OpenvpnStatus => {
            Box::new(ByLine::new(input, openvpn_status::OpenvpnStatus::default()))
        }
        Format::Radippool => Box::new(ByLine::new(input, radippool::Radippool::default())),
    }
}
