//! `hostbits reconcile` on a pool file that other processes allocate from at full speed, and `hostbits set
//! reconcile` on two of them: no held address is freed or handed out again, and all that is lost is found.
//!
//! Workers join and leave by the contract: the user is in the list before the address is used, and deleted
//! before it is released. The list is a directory as CNI's host-local keeps it. Beside it, outside the pool, a
//! second directory says who holds what: a file that only one can create. Workers lose some addresses on
//! purpose, and are killed at any moment; what a dead one had is deleted from the list, and never released.
//! Files come into both directories whole, as links to one that says who the worker is.
#![cfg(all(target_os = "linux", target_has_atomic = "64"))]

use hostbits::{PoolSet, Status, file};
use ipnet::IpNet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const WORKERS: usize = 3;
/// The most that a worker holds.
const MOST_HELD: usize = 150;
/// One of so many leaves loses the address.
const LOSES: u64 = 200;
/// Longer than a worker is ever half-way: a worker that was longer says so, and then proves nothing.
const GRACE: Duration = Duration::from_millis(300);
const FOLDER: &str = "HOSTBITS_LIVE_FOLDER";

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// The folder of a run.
struct Place(PathBuf);

impl Place {
    fn pools(&self) -> Vec<PathBuf> {
        let names = ["first.pool", "second.pool"];
        let paths = names.iter().map(|name| self.0.join(name));
        paths.filter(|path| path.exists()).collect()
    }

    fn open(&self) -> PoolSet<IpNet> {
        let pools = self.pools();
        PoolSet::new(pools.iter().map(|path| file::open(path).unwrap())).unwrap()
    }

    fn new(name: &str) -> Self {
        // Its own: a long run and a short one may go on at the same time.
        let folder = format!("reconcile-live-{name}-{}", std::process::id());
        let place = Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder));
        let _ = fs::remove_dir_all(&place.0);
        for folder in ["users", "holders", "workers"] {
            fs::create_dir_all(place.0.join(folder)).unwrap();
        }
        place
    }

    fn user(&self, addr: IpAddr) -> PathBuf {
        self.0.join("users").join(addr.to_string())
    }

    fn holder(&self, addr: IpAddr) -> PathBuf {
        self.0.join("holders").join(addr.to_string())
    }

    fn report(&self, kind: &str, text: &str) {
        let path = self.0.join(kind);
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        // One write for a line: those of others come before it or after it.
        file.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    fn reports(&self, kind: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(kind)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

/// One process that joins and leaves.
struct Worker {
    place: Place,
    /// A file that says who it is.
    me: PathBuf,
    set: PoolSet<IpNet>,
    held: Vec<IpAddr>,
    random: Random,
    joins: u64,
    lost: u64,
    longest_gap: Duration,
}

impl Worker {
    fn work(mut self) {
        while !self.place.0.join("stop").exists() {
            for _ in 0..100 {
                let joins = self.random.below(MOST_HELD as u64) >= self.held.len() as u64;
                if joins {
                    self.join();
                } else {
                    self.leave();
                }
            }
        }
        while !self.held.is_empty() {
            self.leave();
        }
        let (joins, lost, gap) = (self.joins, self.lost, self.longest_gap.as_millis());
        self.place.report("done", &format!("{joins} {lost} {gap}"));
    }

    fn join(&mut self) {
        let begun = Instant::now();
        // A batch may span members.
        let count = if self.random.below(8) == 0 { 5 } else { 1 };
        for addr in self.set.allocate_many(count).unwrap_or_default() {
            // Before the worker learns that the address has another holder.
            self.note_gap(begun);
            self.write(addr);
        }
        self.note_gap(begun);
    }

    fn write(&mut self, addr: IpAddr) {
        match fs::hard_link(&self.me, self.place.holder(addr)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let me = std::process::id();
                let text = format!("{addr} was given to {me}, and somebody holds it");
                return self.place.report("wrong", &text);
            }
            Err(error) => panic!("{error}"),
        }
        fs::hard_link(&self.me, self.place.user(addr)).unwrap();
        self.joins += 1;
        self.held.push(addr);
    }

    fn leave(&mut self) {
        let at = self.random.below(self.held.len() as u64) as usize;
        let addr = self.held.swap_remove(at);
        if self.set.status(addr) == Status::Free {
            self.place
                .report("wrong", &format!("{addr} is held, and free"));
        }
        let begun = Instant::now();
        fs::remove_file(self.place.user(addr)).unwrap();
        fs::remove_file(self.place.holder(addr)).unwrap();
        if self.random.below(LOSES) == 0 {
            self.lost += 1;
            return;
        }
        if let Err(error) = self.set.release(addr) {
            self.place
                .report("wrong", &format!("{error}, and was held until now"));
        }
        self.note_gap(begun);
    }

    fn note_gap(&mut self, begun: Instant) {
        self.longest_gap = self.longest_gap.max(begun.elapsed());
        if begun.elapsed() >= GRACE {
            self.place.report("late", "half-way for longer than grace");
        }
    }
}

/// Is a worker if the environment asks for one; as a test of its own it does nothing.
#[test]
fn worker() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let place = Place(folder.into());
    let id = std::process::id().to_string();
    let me = place.0.join("workers").join(&id);
    fs::write(&me, &id).unwrap();
    Worker {
        me,
        set: place.open(),
        place,
        held: Vec::new(),
        random: Random(u64::from(std::process::id()).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
        joins: 0,
        lost: 0,
        longest_gap: Duration::ZERO,
    }
    .work();
}

fn start(place: &Place) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker", "--quiet"])
        .env(FOLDER, &place.0)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap()
}

/// Deletes the list's entries of a dead worker, which will never release them.
fn bury(place: &Place, dead: u32) {
    let dead = dead.to_string();
    for folder in ["users", "holders"] {
        for entry in fs::read_dir(place.0.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if fs::read_to_string(&path).is_ok_and(|text| text == dead) {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

fn hostbits(args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_hostbits"))
        .args(args)
        .output()
        .unwrap();
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{args:?}: {output:?}");
    output
}

/// Runs the next sighting and returns how many addresses it has freed.
fn apply(plan: &str) -> u64 {
    sleep(GRACE + Duration::from_millis(20));
    let args = [
        "reconcile",
        "apply",
        plan,
        "--max-free",
        "1000000",
        "--format",
        "json",
    ];
    let found: serde_json::Value = serde_json::from_slice(&hostbits(&args).stdout).unwrap();
    found["applied"]["freed"].as_u64().unwrap()
}

#[test]
fn passes_free_what_is_lost_and_nothing_that_is_held() {
    let place = Place::new("pool");
    let pool = place.0.join("first.pool").to_str().unwrap().to_owned();
    hostbits(&["pool", "create", &pool, "10.0.0.0/22"]);
    reconcile_live(&place, &["reconcile", &pool]);
}

/// Two members, of which the first one is full most of the time.
#[test]
fn passes_over_a_set_free_what_is_lost_and_nothing_that_is_held() {
    let place = Place::new("set");
    let config = "[[sets.live.members]]\nnetwork = '10.0.0.0/25'\nfile = 'first.pool'\n\
                  [[sets.live.members]]\nnetwork = '10.0.4.0/22'\nfile = 'second.pool'\n";
    let path = place.0.join("sets.toml");
    fs::write(&path, config).unwrap();
    let path = path.to_str().unwrap();
    hostbits(&["set", "apply", path]);
    reconcile_live(&place, &["set", "reconcile", path, "live"]);
}

/// Workers beside the passes of a command.
fn reconcile_live(place: &Place, command: &[&str]) {
    let seconds = std::env::var("HOSTBITS_RECONCILE_SECONDS").ok();
    let seconds = seconds.map_or(4, |text| text.parse().expect("a number of seconds"));
    let set = place.open();
    let plan = place.0.join("plan.json").to_str().unwrap().to_owned();
    let list = format!("host-local:{}", place.0.join("users").display());
    let grace = format!("{}ms", GRACE.as_millis());
    let options = ["--from", &list, "--grace", &grace, "-o", &plan];
    hostbits(&[command, &options].concat());

    let until = Instant::now() + Duration::from_secs(seconds);
    let (kills, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (mut passes, mut freed) = (1, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            kill_now_and_then(place, &kills, until);
            is_over.store(true, Ordering::Release);
        });
        while !is_over.load(Ordering::Acquire) {
            freed += apply(&plan);
            passes += 1;
        }
    });
    // All workers have left. What is still taken is lost, and three more sightings find it.
    for _ in 0..4 {
        freed += apply(&plan);
        passes += 1;
    }
    let done: Vec<Vec<u64>> = place
        .reports("done")
        .iter()
        .map(|line| {
            line.split(' ')
                .map(|number| number.parse().unwrap())
                .collect()
        })
        .collect();
    let sum = |at: usize| done.iter().map(|numbers| numbers[at]).sum::<u64>();
    let gap = done.iter().map(|numbers| numbers[2]).max().unwrap_or(0);
    let (wrong, late) = (place.reports("wrong"), place.reports("late").len());
    println!(
        "{} live: {seconds} s, {passes} passes, {} kills, {} joins and {} losses by survivors, {freed} \
         freed, {} wrong, {} still lost, longest half-way {gap} ms of {grace}, {late} over it",
        command[..place.pools().len()].join(" "),
        kills.load(Ordering::Relaxed),
        sum(0),
        sum(1),
        wrong.len(),
        set.allocated(),
    );
    assert!(
        sum(0) > 0 && kills.load(Ordering::Relaxed) > 0,
        "something was done"
    );
    if late != 0 {
        println!(
            "a worker was half-way for longer than grace: the contract was broken, and nothing is proved"
        );
        return;
    }
    assert_eq!(wrong, [""; 0]);
    assert!(freed >= sum(1), "{freed} freed, and {} were lost", sum(1));
    assert_eq!(set.allocated(), 0, "all that was lost has been found");
    fs::remove_dir_all(&place.0).unwrap();
}

/// Keeps the workers at work, and kills one of them at any moment.
fn kill_now_and_then(place: &Place, kills: &AtomicU64, until: Instant) {
    let mut random = Random(0x5DEE_CE66_D1CE_4E5B);
    let mut workers: Vec<Child> = (0..WORKERS).map(|_| start(place)).collect();
    while Instant::now() < until {
        sleep(Duration::from_millis(200 + random.below(1000)));
        let victim = &mut workers[random.below(WORKERS as u64) as usize];
        victim.kill().unwrap();
        victim.wait().unwrap();
        kills.fetch_add(1, Ordering::Relaxed);
        bury(place, victim.id());
        *victim = start(place);
    }
    File::create(place.0.join("stop")).unwrap();
    for mut worker in workers {
        let status = worker.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}
