//! What the library does without a server, in batches, because one is shorter than a clock can tell.

use std::hint::black_box;

use chaos_core::journal::Journal;
use chaos_core::metrics::Metrics;
use chaos_core::prelude::*;
use chaos_core::seed::Seed;
use chaos_core::stats::{MannWhitney, SampleSummary};

use crate::bench::{Bench, Result};

impl Bench {
    pub(crate) async fn library(&self) -> Result {
        const BATCH: u64 = 10_000;
        let metrics = Metrics::new(Journal::in_memory());
        let (counter, timing) = (metrics.counter("counted"), metrics.timing("timed"));
        self.time("ten thousand increments of a counter", async || {
            (0..BATCH).for_each(|_| counter.increment());
            Ok::<_, TestError>(())
        })
        .await?;
        self.time("ten thousand durations in a histogram", async || {
            (0..BATCH).for_each(|n| timing.record(n.us()));
            Ok::<_, TestError>(())
        })
        .await?;
        let values: Vec<f64> = (0..30_u32).map(f64::from).collect();
        self.time("figures of thirty values", async || {
            SampleSummary::of(black_box(&values), Seed(1)).ok_or("no figures")
        })
        .await?;
        self.time("comparison of thirty values with thirty", async || {
            MannWhitney::larger(black_box(&values), &values).ok_or("no answer")
        })
        .await
    }
}
