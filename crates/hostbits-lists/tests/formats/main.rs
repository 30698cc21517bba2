//! Every format, on lists in the form that its program writes, with the oddities that it allows.

mod dhcpd;
mod every_format;
mod host_local;
mod json;
mod kea;
mod openvpn;
mod plain;
mod programs;
mod radippool;
mod read;
mod samples;
mod states;
mod wireguard;
