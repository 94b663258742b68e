//! A run in which everything happens that a report has to show, for the tests of all reports.

mod baselines;
mod files;

use chaos_core::check::Report;
use chaos_core::fault::Effect;
use chaos_core::machine::Machine;
use chaos_core::outcome::Cause;
use chaos_core::run::MeasuredImpact;
use chaos_core::stats::{Category, FlakinessPosterior};
use chaos_core::verdict::{Failure, FailureKind, Verdict};
use serde_json::{Value, json};

use self::baselines::compared;
pub(crate) use self::baselines::refused;
pub(crate) use self::files::write_files;
use crate::gate::GateJudged;
use crate::run_event::{
    AttemptEnded, AttemptProgress, AttemptStarted, AttemptSummary, CategorySummary, CheckSummary,
    Diagnostics, Elsewhere, FaultSummary, KnownFailure, KnownSeed, Rate, Regression, Resources,
    RetryRate, RunEnded, RunEvent, RunStarted, SelectionSummary, ServerReturn, SkipCause,
    SystemicFailure, TestChange, TestDescription, TestEnded, TestOutcome, Trend, TrendSegment,
};

const SECOND: u64 = 1_000_000_000;

/// The events of the run, in order.
pub(crate) fn events() -> Vec<RunEvent> {
    let mut events = vec![RunEvent::RunStarted(run_started())];
    events.push(RunEvent::TestSkipped {
        test: "network::packets_are_lost".to_owned(),
        reason: "it needs root".to_owned(),
        cause: None,
    });
    events.push(RunEvent::TestSkipped {
        test: "slow_one".to_owned(),
        reason: "not begun: the 5m of the selection `smoke` are over".to_owned(),
        cause: Some(SkipCause::OutOfTime),
    });

    let calm = AttemptSummary {
        ok: 1_203,
        faults: vec![FaultSummary {
            recovery_ns: Some(SECOND / 5),
            effect: Some(Effect::Interrupts),
            unobservable: true,
            ..fault("refuse", 4, Some(5))
        }],
        ..AttemptSummary::default()
    };
    attempt(&mut events, "refused", 1, 1, 7_001, 1_204, Verdict::Passed, calm.clone());
    ended(&mut events, "refused", TestOutcome::Passed, 1, category(118, 1, 0));

    let mut failure = Failure::new(FailureKind::Recovery, "no operation succeeded within 5s")
        .caused_by(Cause::ConnectionRefused)
        .at("tests/chaos.rs:88:9");
    failure.at_ns = Some(9 * SECOND);
    let test = "latency_is_survived";
    attempt(&mut events, test, 1, 4, 11, 9_800, Verdict::Failed(failure), calm.clone());
    attempt(&mut events, test, 2, 4, 11, 9_100, Verdict::Passed, calm);
    ended(&mut events, test, TestOutcome::PassedOnRetry, 2, category(118, 11, 0));

    let test = "bank::money_is_conserved";
    for (number, seed) in [(1, 42), (2, 42), (3, 90_210), (4, 8_675_309)] {
        if number == 3 {
            attempt(&mut events, test, 3, 4, seed, 11_950, Verdict::Passed, money());
            continue;
        }
        let kind = if number == 4 { FailureKind::Panic } else { FailureKind::Check };
        let failure = Failure::new(kind, MONEY).at("tests/chaos.rs:41:8");
        attempt(&mut events, test, number, 4, seed, 12_010, Verdict::Failed(failure), money());
    }
    ended(&mut events, test, TestOutcome::Failed, 4, category(3, 2, 1));

    let hang =
        Failure::new(FailureKind::Hang, "it was still running 5 s after its deadline of 30 s");
    let summary = AttemptSummary::default();
    attempt(&mut events, "may_hang", 1, 1, 5, 35_020, Verdict::Failed(hang), summary.clone());
    ended(&mut events, "may_hang", TestOutcome::FailedAsAllowed, 1, category(60, 40, 0));

    let reason = "there is no PostgreSQL 13 here".to_owned();
    let verdict = Verdict::Skipped { reason };
    attempt(&mut events, "old_version", 1, 1, 6, 20, verdict, summary);
    ended(&mut events, "old_version", TestOutcome::Skipped, 1, category(0, 0, 0));

    let late = Failure::new(FailureKind::Timeout, "still running at its deadline of 30s")
        .replayed_by("transfer@c1/B3:cut");
    let reason = "a waiting task was woken 312ms late or more in 1 of 20 cases (bound 50ms)";
    let verdict = Verdict::Environment {
        reason: reason.to_owned(),
        failure: Some(late.at("tests/chaos.rs:7:1")),
    };
    let busy = "under_load";
    attempt(&mut events, busy, 1, 1, 8, 30_100, verdict, AttemptSummary::default());
    ended(&mut events, busy, TestOutcome::Environment, 1, category(30, 0, 0));

    events.push(RunEvent::BaselinesConcluded(compared()));
    events.push(RunEvent::GateJudged(GateJudged {
        gate: "pass-rate".to_owned(),
        domain: Some("network".to_owned()),
        phase: None,
        passed: true,
        not_judged: false,
        message: "1 of 1 tests passed (100.0 %), at least 95.0 % have to".to_owned(),
        place: "chaos.toml:9".to_owned(),
    }));
    events.push(RunEvent::GateJudged(GateJudged {
        gate: "flaky".to_owned(),
        domain: None,
        phase: None,
        passed: true,
        not_judged: true,
        message: "it takes the whole suite to judge it, and 1 test did not run (1 out of time)"
            .to_owned(),
        place: "chaos.toml:4".to_owned(),
    }));
    events.push(RunEvent::GateJudged(GateJudged {
        gate: "phase".to_owned(),
        domain: None,
        phase: Some("sabotage".to_owned()),
        passed: true,
        not_judged: false,
        message: "unlocked: `network` came to 3 of 4 (75 %)".to_owned(),
        place: "chaos.toml:12".to_owned(),
    }));
    events.push(RunEvent::RunEnded(RunEnded {
        passed: 2,
        failed: 1,
        ignored: 5,
        duration_ns: 71_234_000_000,
        exit_code: 101,
        systemic: Some(SystemicFailure { failed: 6, of: 9 }),
    }));
    events
}

const MONEY: &str = "money is conserved: expected 10000, found 9995\n\
    connected through postgres://app:hunter2@127.0.0.1:5433/ledger";

fn run_started() -> RunStarted {
    let names = [
        "bank::money_is_conserved",
        "latency_is_survived",
        "may_hang",
        "network::packets_are_lost",
        "old_version",
        "refused",
        "slow_one",
        "under_load",
    ];
    RunStarted {
        version: crate::run_event::FORMAT_VERSION,
        run: "1700000000000-4711".to_owned(),
        unix_ms: 1_700_000_000_000,
        binary: "chaos".to_owned(),
        package: "ledger".to_owned(),
        arguments: vec!["--test-threads=2".to_owned()],
        selected: names.map(str::to_owned).to_vec(),
        tests: names.map(description).to_vec(),
        filtered_out: 2,
        selection: Some(SelectionSummary {
            name: "smoke".to_owned(),
            budget_ms: Some(300_000),
            chosen: 8,
            expected_ms: 95_000,
            not_selected: 2,
            not_selected_ms: 620_000,
        }),
        threads: 2,
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        cores: 2,
        ci: false,
        machine: Some(machine()),
        environment: Some("local".to_owned()),
        profile: Some("small".to_owned()),
        commit: Some("0a1b2c3d4e5f-dirty".to_owned()),
    }
}

fn machine() -> Machine {
    let machine = json!({
        "os": "linux",
        "arch": "x86_64",
        "kernel": "6.18.44",
        "processor": "a processor",
        "cores": 1.5,
        "allowed_cores": 2,
        "cpu_quota": 1.5,
        "memory": 4_294_967_296_u64,
        "total_memory": 8_589_934_592_u64,
        "available_memory": 2_147_483_648_u64,
        "load_average": [0.5, 1.25, 2.0],
        "descriptors": 1024,
        "ci": "GitHub Actions",
        "container": "docker",
        "clock_step_ns": 30,
        "disk": { "file_system": "ext4", "free": 1_000_000, "total": 2_000_000 },
    });
    serde_json::from_value(machine).unwrap()
}

fn resources(beyond: &str) -> Resources {
    let resources = json!({
        "machine": {
            "cpu": 1.0, "steal": 0.0, "throttled": 0.25, "memory_stalled": 0.0,
            "memory_available": 0.5, "descriptors": 0.01,
        },
        "processes": {
            "cpu_ms": 120, "ran_ms": 120, "waited_ms": 900, "memory": 9_000_000,
            "descriptors": 12, "processes": 1,
        },
        "probes": 1_400,
        "delay_p95_us": 312_400,
        "longest_delay_us": 900_000,
        "beyond": [beyond],
    });
    serde_json::from_value(resources).unwrap()
}

fn description(test: &str) -> TestDescription {
    TestDescription {
        test: test.to_owned(),
        description: format!("What {test} is about."),
        file: "tests/chaos.rs".to_owned(),
        line: 40,
        domain: (test == "latency_is_survived").then(|| "network".to_owned()),
        owner: (test == "bank::money_is_conserved").then(|| "payments".to_owned()),
        covers: vec!["N1".to_owned()],
        declared: Category::Flaky,
        declared_reason: Some("timers are coarse here".to_owned()),
        expected_rate: Some(0.1),
        may_fail: test == "may_hang",
        retries: 3,
    }
}

#[expect(clippy::too_many_arguments, reason = "a table of attempts reads well as one call a row")]
fn attempt(
    events: &mut Vec<RunEvent>,
    test: &str,
    attempt: u32,
    of: u32,
    seed: u64,
    duration_ms: u64,
    verdict: Verdict,
    summary: AttemptSummary,
) {
    let directory = test.replace("::", ".");
    events.push(RunEvent::AttemptStarted(AttemptStarted {
        test: test.to_owned(),
        attempt,
        of,
        seed,
        unix_ms: 1_700_000_001_000,
        timeout_ms: 30_000,
        waited_ms: if attempt == 2 { 120 } else { 0 },
        journal: format!("{directory}/attempt-{attempt}.jsonl"),
    }));
    events.push(RunEvent::AttemptProgress(AttemptProgress {
        test: test.to_owned(),
        phase: Some("hold 3s".to_owned()),
        faults: vec!["postgres: cut".to_owned()],
        ok: 12,
        not_ok: 3,
    }));
    let stderr = (test == "bank::money_is_conserved")
        .then(|| format!("{directory}/attempt-{attempt}.stderr"));
    let resources = match &verdict {
        Verdict::Environment { reason, .. } => Some(resources(reason)),
        _ => None,
    };
    events.push(RunEvent::AttemptEnded(AttemptEnded {
        test: test.to_owned(),
        attempt,
        seed,
        duration_ns: duration_ms * 1_000_000,
        verdict,
        summary,
        stdout: (test == "refused").then(|| format!("{directory}/attempt-{attempt}.stdout")),
        stderr,
        resources,
        diagnostics: (test == "bank::money_is_conserved").then(|| diagnostics(&directory, attempt)),
    }));
}

fn diagnostics(directory: &str, attempt: u32) -> Diagnostics {
    Diagnostics {
        file: format!("{directory}/attempt-{attempt}.diagnostics.txt"),
        window_ms: 5_000,
        lines: 212,
        shown: vec![
            "    1.204310  trace     WARN ledger: transfer{from=1}: tried again".to_owned(),
            "    1.204901  postgres  [4711] FATAL:  terminating connection".to_owned(),
            "    1.412330  journal   test_ended".to_owned(),
        ],
    }
}

fn ended(
    events: &mut Vec<RunEvent>,
    test: &str,
    outcome: TestOutcome,
    attempts: u32,
    category: CategorySummary,
) {
    let duration = |event: &RunEvent| match event {
        RunEvent::AttemptEnded(ended) if ended.test == test => ended.duration_ns,
        _ => 0,
    };
    let duration_ns = events.iter().map(duration).sum();
    let remarks = match category.category {
        Category::Flaky => vec!["expects to fail in 20 % of runs".to_owned()],
        _ => Vec::new(),
    };
    let test = test.to_owned();
    events.push(RunEvent::TestEnded(TestEnded {
        test,
        outcome,
        attempts,
        duration_ns,
        trend: trend(&category),
        remarks,
        category,
    }));
}

/// Of a test that is flaky it is one that was not always so.
fn trend(category: &CategorySummary) -> Trend {
    let CategorySummary { n, failures, rate, low, high, .. } = *category;
    let latest = Rate { n, failures, rate, low, high };
    let commit = Some("0a1b2c3d4e5f".to_owned());
    let segment =
        TrendSegment { rate: latest, began_unix_ms: 1_690_000_000_000, commit: commit.clone() };
    let mut trend =
        Trend { recent: "....F...".to_owned(), segments: vec![segment], ..Trend::default() };
    if category.category == Category::Flaky {
        let before = Rate { n: 100, failures: 1, rate: 0.013, low: 0.001, high: 0.04 };
        trend.regression = Some(Regression {
            before,
            latest,
            p_value: 0.001,
            began_unix_ms: 1_690_000_000_000,
            commit: commit.clone(),
            last_good_commit: Some("ffeeddccbbaa".to_owned()),
        });
        trend.changed = Some(TestChange { unix_ms: 1_680_000_000_000, commit, before });
        trend
            .elsewhere
            .push(Elsewhere { surroundings: "ci, linux x86_64, release".to_owned(), rate: before });
        trend.retries =
            Some(RetryRate { n: 3, passed: 2, reproduced: 1, rate: 0.63, low: 0.19, high: 0.96 });
        trend.failures.push(KnownFailure {
            signature: 7,
            kind: "check".to_owned(),
            message: "money is conserved: found #, expected #".to_owned(),
            count: 4,
            first_unix_ms: 1_690_000_000_000,
            last_unix_ms: 1_700_000_000_000,
        });
        trend.seeds.push(KnownSeed { seed: 42, attempts: 9, failures: 9 });
        trend.systemic = 2;
    }
    trend
}

fn money() -> AttemptSummary {
    AttemptSummary {
        ok: 812,
        failed: 18,
        unknown: 40,
        faults: vec![
            FaultSummary {
                hits: 312,
                first_success_ns: Some(4_000_000),
                recovery_ns: Some(4_000_000),
                ..fault("latency 80ms–120ms ↓", 1, Some(8))
            },
            FaultSummary {
                began_ns: 8_500_000_000,
                ended_ns: Some(9_300_000_000),
                first_success_ns: Some(300_000_000),
                recovery_ns: Some(290_000_000),
                impact: Some(impact_of_cut()),
                ..fault("cut", 0, None)
            },
        ],
        checks: vec![CheckSummary {
            name: "money is conserved".to_owned(),
            passed: false,
            found: Some("9995".to_owned()),
            expected: Some("10000".to_owned()),
            report: Some(judged()),
        }],
        assertions: vec![
            serde_json::from_value(serde_json::json!({
                "kind": "always", "name": "no balance is negative", "reached": 120, "held": 119,
                "location": "src/ledger.rs:40:9", "details": "3 - 5 = -2",
            }))
            .unwrap(),
        ],
        notes: vec!["the pool was full for 1.2 s".to_owned()],
        returns: vec![ServerReturn {
            target: "postgres".to_owned(),
            after_ns: 52_000_000,
            recovered: true,
        }],
        phases: of_json(json!([{
            "name": "cut on postgres 800ms", "kind": "fault", "began_ns": 8_500_000_000_u64,
            "ended_ns": 9_300_000_000_u64, "figures": figures_of_cut(),
            "counters": { "chaos.operations.ok": 9 },
            "gauges": { "chaos.postgres.pool.waiting": { "last": 0.0, "min": 0.0, "max": 6.0 } },
        }])),
        bounds: of_json(json!([{
            "held": false, "subject": "cut on postgres 800ms", "figure": "p99", "unit": "seconds",
            "side": "at_most", "bound": 0.02, "found": 0.031, "n": 4,
        }])),
        alerts: of_json(json!([{
            "rule": "error rate above 5 % over 1s",
            "firings": [
                { "began_ns": 8_600_000_000_u64, "ended_ns": 9_900_000_000_u64, "true": true },
            ],
            "detections": [
                { "fault": 2, "label": "cut on postgres", "delay_ns": 100_000_000 },
            ],
        }])),
        baselines: of_json(
            json!([{ "name": "checkout", "samples_ns": (0..10).map(|n| 250_000 + n * 1_000).collect::<Vec<u64>>() }]),
        ),
        signals: of_json(json!([{ "name": "breaker opened", "at_ns": 8_700_000_000_u64 }])),
        metrics: of_json(json!({
            "counters": { "chaos.operations.ok": 812 },
            "gauges": { "queue depth": { "last": 0.0, "min": 0.0, "max": 7.0 } },
            "timings": { "checkout": {
                "n": 870, "mean_ns": 300_000, "p50_ns": 250_000, "p95_ns": 900_000,
                "p99_ns": 4_000_000, "max_ns": 12_000_000,
            } },
        })),
        explorations: of_json(json!([{
            "messages": 93,
            "connections": 1,
            "tried": 186,
            "violated": 1,
            "not_met": 0,
            "skipped": [{ "count": 2, "why": "no server produces it" }],
            "broken": [{
                "token": "c1.b57.reset",
                "point": "reset after the server sent CommandComplete COMMIT, before the client saw it",
                "outcome": "unknown",
                "findings": ["the tables do not hold what they hold without a fault"],
            }],
        }])),
        tried_properties: of_json(json!([{
            "wanted": 64, "cases": 12, "vacuous": 1, "replayed": 2, "failed": true,
            "shrunk": {
                "operations": 1, "faults": 1, "from_operations": 9, "from_faults": 2, "runs": 41,
                "failed": 5, "of": 5,
            },
            "file": "tests/chaos-regressions/deposits_are_made_once/3f2a90c1d4e5b607.toml",
        }])),
    }
}

fn figures_of_cut() -> Value {
    json!({
        "n": 62, "ok": 4, "failed": 18, "unknown": 40, "length_ns": 800_000_000, "completed": 4,
        "latency": {
            "p50_ns": 3_000_000, "p95_ns": 31_000_000, "p99_ns": 31_000_000, "max_ns": 31_000_000,
        },
        "longest_wait_ns": 90_000_000,
        "errors": [
            { "outcome": "unknown", "kind": "connection closed", "n": 40 },
            { "outcome": "failed", "sqlstate": "53300", "kind": "too many connections", "n": 18 },
        ],
    })
}

fn impact_of_cut() -> MeasuredImpact {
    of_json(json!({
        "met": figures_of_cut(), "p50_ratio": 3.0, "p95_ratio": 7.5, "p99_ratio": 7.5,
        "rate_ratio": 0.05, "first_error_ns": 12_000_000, "first_signal_ns": 200_000_000,
        "steady_ns": 300_000_000, "watched_ns": 2_700_000_000_u64,
    }))
}

/// What only the library makes.
fn of_json<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

/// What a checker says, with every field that it may have.
fn judged() -> Report {
    let step = |entry: u64, dependency: &str| {
        let because = format!("T{entry} did not see what the other one wrote");
        json!({ "entry": entry, "dependency": dependency, "because": because })
    };
    let kinds = ["ww", "wr", "rw", "process", "realtime"];
    let cycle: Vec<_> = (1..).zip(kinds).map(|(entry, kind)| step(entry, kind)).collect();
    let report = json!({
        "checker": "transactions are serializable",
        "validity": "violated",
        "violations": [{
            "promise": "serializable",
            "explanation": "G2-item",
            "key": "x",
            "entries": [2, 3],
            "expected": "1",
            "found": "2",
            "cycle": cycle,
        }],
        "violation_count": 1,
        "violated_promises": { "serializable": 1 },
        "unknown": "the search for a cycle was given up",
        "vacuous": "no transaction comes before another one",
        "stats": { "committed": 2 },
    });
    serde_json::from_value(report).unwrap()
}

fn fault(label: &str, began: u64, ended: Option<u64>) -> FaultSummary {
    FaultSummary {
        label: label.to_owned(),
        target: "postgres".to_owned(),
        began_ns: began * SECOND,
        ended_ns: ended.map(|ended| ended * SECOND),
        hits: 8,
        connections: 8,
        first_success_ns: None,
        recovery_ns: None,
        effect: None,
        unobservable: false,
        impact: None,
    }
}

pub(crate) fn category(attempts: u64, failures: u64, missing_ends: u64) -> CategorySummary {
    let posterior = FlakinessPosterior::new(attempts, failures);
    let found = posterior.classify();
    let interval = posterior.interval();
    CategorySummary {
        category: found.category,
        n: attempts,
        failures,
        rate: posterior.mean(),
        low: interval.low,
        high: interval.high,
        confidence: found.confidence,
        missing_ends,
    }
}
