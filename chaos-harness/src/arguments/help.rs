//! What `--help` prints.

pub(crate) const HELP: &str = "\
Chaos tests. The arguments are those of ordinary Rust tests.

Usage: cargo test --test <file> -- [OPTIONS] [FILTERS...]

A test runs if its name contains any of the FILTERS, or if there are none.

Which tests run
      --exact               FILTERS and --skip are whole names
      --skip FILTER         Leave out the tests whose names contain FILTER (repeatable)
      --ignored             Run only the tests that are marked #[ignore]
      --include-ignored     Run those too
      --exclude-should-panic  Leave out the tests that are to panic
      --chaos-select NAME   Run a part: `smoke` (the most informative tests for five minutes),
                            `comprehensive` (all), or a selection of chaos.toml
      --list                List the tests instead of running them

How they run
      --test-threads N      How many run at once (default: one for each processor)
      --shuffle             Run them in random order
      --shuffle-seed N      Run them in the random order that N stands for
      --fail-fast           Start no more tests after the first failure
      --no-capture          Let tests write to the terminal
      --force-run-in-process  The same as CHAOS_IN_PROCESS=1

What is measured
      --chaos-runs N        Run each test until its category is decided, N times at most, without
                            retries
      --chaos-bisect        Exit as `git bisect run` expects: 0 no test is worse than it declares, 1 one is,
                            125 unknown, 255 the command line or a variable is invalid. Such runs are no
                            evidence for the history
      --chaos-baseline MODE  `save` the baselines that tests measure, or `compare` them with those
                            that were saved: what became slower fails the run

What is shown
      --format FORMAT       pretty, terse or json
  -q, --quiet               The same as --format terse
      --show-output         Show the output of tests that passed
      --color WHEN          auto, always or never
      --logfile PATH        Write the results to a file too

Settings, each of which overrides the variable of its name (see below) and chaos.toml
      --chaos-environment NAME  --chaos-profile NAME  --chaos-seed N  --chaos-timeout 30s
      --chaos-retries N  --chaos-load-multiplier X  --chaos-timeout-multiplier X
      --chaos-pool-size N  --chaos-dir PATH  --chaos-max-failures N  --chaos-flaky-result fail
      --chaos-set KEY=VALUE  Any other key of chaos.toml, for every test: watch.starved=95%
                            (repeatable)

Explorations
      --check-determinism   Only run each scenario twice without faults, and name the first message
                            that differs

Instead of running tests, one of
      --chaos-config        Show every setting, where it comes from, and which tests differ; with
                            FILTERS, all settings of these tests
      --chaos-selection     Show which tests --chaos-select (default: smoke) chooses and leaves out,
                            how long they take, and why
      --chaos-merge DIR...  Add other histories to this one, such as those of the shards of a run. DIR is a
                            target/chaos, or its history. Known attempts are not added again
      --chaos-report[=RUN]  Write the JSON report of a run again from its journal, and print its path.
                            RUN is the name of a directory below target/chaos/runs, or `latest`, the
                            default. A run of `cargo nextest` has one report for all its processes and
                            test binaries, and only this option and --chaos-judge write it.
      --chaos-judge[=RUN]   Judge the gates and phases of a finished run, print its summary and exit with
                            its code: for use after `cargo nextest run`, which does not judge them
      --chaos-inventory[=RUN]  Write the failures of a run, with what each points at, as inventory.csv
                            and inventory.md into target/chaos
      --chaos-issue TEST    Write the text of an issue about a test, in Markdown: its failure rate, since
                            when, how it fails, its seeds, and the commands that repeat and bisect it
      --chaos-coverage      Show which requirements have a test, and how these fared in the latest run
      --chaos-compare RUN[..RUN]  Compare the failures of a run with those of the latest one, or of the
                            second RUN

Accepted, because ordinary tests accept them, and without effect:
      --test --report-time --ensure-time -Z unstable-options

Environment variables
      CHAOS_CONFIG=PATH     The file of settings (default: chaos.toml of the package or workspace)
      CHAOS_ENVIRONMENT=NAME  The environment in it: ci, local, validation, or one of its own
      CHAOS_PROFILE=NAME    The hardware profile in it
      CHAOS_SELECT=NAME     The same as --chaos-select
      CHAOS_SEED=N          The seed of the first attempt at every test
      CHAOS_TIMEOUT=30s     How long an attempt may take
      CHAOS_RETRIES=N       How many more attempts a failed test gets
      CHAOS_LOAD_MULTIPLIER=X     The factor of cx.load(..) for numbers of clients
      CHAOS_TIMEOUT_MULTIPLIER=X  The factor of cx.timeout(..) for times
      CHAOS_MAX_FAILURES=N  Once more than N tests have failed, failed tests are no longer retried
      CHAOS_FLAKY_RESULT=fail  A test that passed on a retry fails the run
      CHAOS_RUNS=N          The same as --chaos-runs
      CHAOS_BASELINE=MODE   The same as --chaos-baseline
      CHAOS_POOL_SIZE=N     The answer of cx.pool_size(..)
      CHAOS_SET='KEY=VALUE; ..'  The same as --chaos-set, for several keys
      CHAOS_DIR=PATH        Where journals and reports go (default: target/chaos)
      CHAOS_DIAGNOSTICS=5s  How long before a failure journal, traces and server logs are kept
      CHAOS_TRACE=info      The level that is traced where the code under test sets no subscriber
      CHAOS_IN_PROCESS=1    Run attempts in this process, for debuggers
      CHAOS_KEEP=1          Keep the databases of attempts that failed
      CHAOS_REPLAY=TOKEN    Tries only the point of an exploration, or the case of a property, that
                            a failure names
      CHAOS_SHRINK_SECS=30  For how long a failing case of a property is made smaller
      RUST_TEST_THREADS, RUST_TEST_SHUFFLE, RUST_TEST_SHUFFLE_SEED, RUST_TEST_NOCAPTURE

Exit codes: 0 passed, 101 tests failed, 75 none failed and at least one could not be judged on this
machine, 4 a gate was not passed or a phase stayed locked, 2 wrong arguments, variables or files, 3 the
harness could not work, 130 interrupted, 143 terminated.
";
