//! The commands of one client, one after the other, without a network.

#![cfg(target_os = "linux")]

use lease_server_example::server::{Server, Session, Times};
use std::path::PathBuf;
use std::time::Duration;

const TIMES: Times = Times {
    offer: Duration::from_secs(30),
    term: Duration::from_secs(3600),
    cooldown: Duration::from_secs(60),
};

fn folder(test: &str) -> PathBuf {
    let name = format!("lease-sessions-{test}-{}", std::process::id());
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn ask(server: &Server, session: &mut Session, line: &str) -> String {
    server.answer(session, line).expect("an answer")
}

/// The last words of a connection that is broken arrive after the client has come back.
#[test]
fn an_old_connection_ends_nothing() {
    let folder = folder("old");
    let (server, _) = Server::start(&folder, TIMES).unwrap();
    let (mut old, mut new) = (server.session(), server.session());
    let pair = ask(&server, &mut old, "HELLO alice");
    assert_eq!(ask(&server, &mut old, "CONFIRM"), "OK");
    assert_eq!(ask(&server, &mut new, "HELLO alice"), pair);
    assert_eq!(ask(&server, &mut old, "BYE"), "REPLACED");
    server.leave(&old);
    assert_eq!(ask(&server, &mut new, "CONFIRM"), "OK");
    assert_eq!(ask(&server, &mut new, "KEEP"), "OK");
    assert_eq!(ask(&server, &mut new, "BYE"), "OK");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = folder("wrong");
    let (server, _) = Server::start(&folder, TIMES).unwrap();
    assert!(
        Server::start(&folder, TIMES).is_err(),
        "two servers of one folder"
    );
    let mut session = server.session();
    let long = format!("HELLO {}", "a".repeat(65));
    for line in ["", "KEEP", "HELLO", "HELLO a b", "HELLO a+b", &long] {
        let answer = ask(&server, &mut session, line);
        assert!(answer.starts_with("WRONG"), "{line}: {answer}");
    }
    assert!(ask(&server, &mut session, "HELLO bob").starts_with("PAIR "));
    for line in ["KEEP", "HELLO alice", "SHOW"] {
        let answer = ask(&server, &mut session, line);
        assert!(answer.starts_with("WRONG"), "{line}: {answer}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}
