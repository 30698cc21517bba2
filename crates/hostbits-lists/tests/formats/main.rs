//! Tests of every format, with lists as its program writes them, including its peculiarities.

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
