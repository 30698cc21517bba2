mod bytes;
mod header;
mod layout;
mod state;
