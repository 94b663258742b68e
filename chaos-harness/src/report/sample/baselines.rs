//! What baselines came to.

use std::path::Path;

use serde_json::json;

use super::of_json;
use crate::baselines::{Conclusion, Mode};

/// What the baselines of a run came to, with every field that it may have.
pub(super) fn compared() -> Conclusion {
    let figures = |factor: f64| {
        let at = |ns: f64| ns * factor;
        let range = json!({ "low": at(252_000.0), "high": at(257_000.0) });
        json!({
            "n": 10, "mean_ns": at(254_500.0), "deviation_ns": at(3_027.7), "min_ns": at(250_000.0),
            "p50_ns": at(254_500.0), "p95_ns": at(259_000.0), "p99_ns": at(259_000.0),
            "max_ns": at(259_000.0), "mean_95_ns": range, "mean_99_ns": range,
            "median_95_ns": range, "median_99_ns": range,
        })
    };
    of_json(json!({
        "mode": "compare", "file": "chaos-baselines/chaos.toml",
        "source": "command line (--chaos-baseline)", "saved": 0, "alpha": 0.05,
        "compared": [{
            "test": "latency_is_survived", "name": "checkout", "change": "slower",
            "ratio": 2.0, "ratio_95": { "low": 1.98, "high": 2.02 }, "least_effect": 1.1,
            "p_value": 5.4e-6, "group": 1, "base": figures(0.5), "new": figures(1.0),
            "message": "latency_is_survived: checkout takes 2.00 times as long (1.98 to 2.02): median \
                        255us, 127us in the baseline (n = 10 and 10, p = 5.41e-6)",
        }],
        "unknown": ["refused: connect"],
        "missing": ["pool::drains: drain: there is no such test"],
        "remarks": ["the kernel is 6.2.0, and was 6.1.0 for the baselines"],
    }))
}

/// What a run says of baselines that it could not compare.
pub(crate) fn refused() -> Conclusion {
    Conclusion::refused(Mode::Compare, Path::new("chaos.toml"), "there is no file".to_owned())
}
