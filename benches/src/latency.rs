//! How long single calls take, and what reading the clock costs.

use crate::scaling::Watch;
use hdrhistogram::Histogram;
use std::net::Ipv4Addr;
use std::time::Instant;

const LONGEST_NS: u64 = 10_000_000_000;
const DIGITS: u8 = 3;

/// Times of calls in nanoseconds, the cost of the clock included.
pub struct Latency {
    /// Times of `allocate`.
    pub allocate: Histogram<u64>,
    /// Times of `release`.
    pub release: Histogram<u64>,
}

impl Latency {
    /// Adds the times that another thread measured.
    pub fn add(&mut self, other: &Self) {
        let same_bounds = "all histograms have the same bounds";
        self.allocate.add(&other.allocate).expect(same_bounds);
        self.release.add(&other.release).expect(same_bounds);
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            allocate: histogram(),
            release: histogram(),
        }
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, DIGITS).expect("valid bounds")
}

impl Watch for Latency {
    #[inline]
    fn allocate(&mut self, call: impl FnOnce() -> Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        timed(&mut self.allocate, call)
    }

    #[inline]
    fn release(&mut self, call: impl FnOnce() -> bool) -> bool {
        timed(&mut self.release, call)
    }
}

#[inline]
fn timed<T>(histogram: &mut Histogram<u64>, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let answer = call();
    let elapsed = start.elapsed();
    histogram.saturating_record(elapsed.as_nanos() as u64);
    answer
}

/// Returns the median time between two readings of the clock with nothing in between.
pub fn clock_ns() -> u64 {
    let mut readings = histogram();
    (0..100_000).for_each(|_| timed(&mut readings, || ()));
    readings.value_at_quantile(0.5)
}
