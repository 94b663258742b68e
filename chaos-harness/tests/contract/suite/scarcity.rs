//! Tests that need more than they are given, and fail after they had it for a while.

use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};

use chaos_harness::prelude::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Longer than the watch waits between two looks.
const A_WHILE: Duration = Duration::from_millis(1_500);

#[chaos_test]
async fn opens_all_the_files_that_it_may(_cx: Chaos) -> TestResult {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(200), maximum })?;
    let mut open = Vec::new();
    let error = loop {
        match File::open("/dev/null") {
            Ok(file) => open.push(file),
            Err(error) => break error,
        }
    };
    // Some are needed to end the attempt.
    open.truncate(open.len() - 6);
    tokio::time::sleep(A_WHILE).await;
    Err(error.into())
}

#[chaos_test]
async fn takes_600_mib(_cx: Chaos) -> TestResult {
    // Pages that nobody has written to are none.
    let taken = black_box(vec![1_u8; 600 << 20]);
    tokio::time::sleep(A_WHILE).await;
    Err(format!("{} bytes were not enough", taken.len()).into())
}

#[chaos_test]
fn works_for_two_seconds() -> TestResult {
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    Err("it took too long".into())
}
