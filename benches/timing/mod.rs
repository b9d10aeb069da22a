//! Time for benchmarks that compute and do not wait: what the processor gave this thread, so that other programs on a busy machine count
//! less.
#![allow(dead_code, reason = "each benchmark uses its part")]

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long a computation takes: on the processor where the system tells (Linux), else by the clock.
pub fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let (start, on_processor) = (Instant::now(), on_processor());
    black_box(run());
    let elapsed = start.elapsed();
    on_processor.zip(self::on_processor()).map_or(elapsed, |(before, after)| after.saturating_sub(before))
}

/// Nanoseconds are the first number of the file.
fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// The one in the middle.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// How many times as long.
pub fn ratio(a: Duration, b: Duration) -> f64 {
    a.as_secs_f64() / b.as_secs_f64()
}
