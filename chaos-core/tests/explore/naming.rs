//! Tokens, samples, and what the journal says.

use chaos_core::TestResult;
use chaos_core::event::EventKind;
use chaos_core::explore::{CutPoints, ExploreError, Explored, ReplayToken};
use chaos_core::prelude::*;

use crate::arena::Stage;
use crate::ledger::Ledger;

fn points() -> CutPoints {
    cut_points().granularity(Granularity::Transaction).modes([Mode::Reset, Mode::Cut])
}

async fn doubled(stage: &Stage, replay: Option<ReplayToken>) -> Result<Explored, ExploreError> {
    let explore = stage.cx.explore(points());
    let explore = match replay {
        Some(token) => explore.replay(token),
        None => explore,
    };
    explore
        .setup(async |pg| Ledger::open(&pg, 1).await)
        .run(async |ledger: &Ledger| ledger.transfer(None).await)
        .await
}

pub(crate) async fn a_token_repeats_its_point_alone(stage: Stage) -> TestResult {
    let Err(ExploreError::Violated(all)) = doubled(&stage, None).await else { panic!("clean") };
    let causes = all.causes();
    let told = causes[0].1[0];
    assert_eq!(all.replay(), Some(&told.token));
    // A connection that ends is milder than one that is reset, whichever was asked for first.
    assert_eq!(told.token.to_string().rsplit('.').next(), Some("cut"), "{all}");
    let token = told.token.to_string();
    assert!(all.to_string().contains(&format!("CHAOS_REPLAY={token} ")), "{all}");
    // The next exploration of the test is its second.
    let again = format!("2:{token}").parse()?;
    let replayed = doubled(&stage, Some(again)).await;
    let Err(ExploreError::Violated(one)) = replayed else { panic!("{replayed:?}") };
    let [point] = one.points.as_slice() else { panic!("{one}") };
    assert_eq!(point.words, told.words);
    assert_eq!(point.findings, told.findings);
    // What a replayed point does is told as everything else is.
    let events = stage.cx.scope().journal().events();
    assert!(events.iter().any(|event| matches!(event.what, EventKind::MessageHit { .. })));
    let missed = doubled(&stage, Some("3:c1.b9999.reset".parse()?)).await;
    let Err(ExploreError::NotMet { token }) = missed else { panic!("{missed:?}") };
    assert_eq!(token, "3:c1.b9999.reset");
    Ok(())
}

pub(crate) async fn a_sample_is_the_same_in_every_run_and_the_rest_is_told(
    stage: Stage,
) -> TestResult {
    let mut samples = Vec::new();
    for _ in 0..2 {
        let explored = stage
            .cx
            .explore(cut_points().granularity(Granularity::Message))
            .at_most(10)
            .setup(async |pg| Ledger::open(&pg, 1).await)
            .run(async |ledger: &Ledger| ledger.transfer(Some(1)).await)
            .await?;
        assert_eq!(explored.points.len(), 10, "{explored}");
        let why = &explored.skipped.last().unwrap().why;
        assert!(why.contains("not in the sample of 10"), "{explored}");
        let mut words: Vec<_> = explored.points.into_iter().map(|point| point.words).collect();
        // Which of two messages in opposite directions passes first is for the kernel to say.
        words.sort_unstable();
        samples.push(words);
    }
    assert_eq!(samples[0], samples[1]);
    Ok(())
}

pub(crate) async fn the_journal_has_every_point(stage: Stage) -> TestResult {
    let Err(ExploreError::Violated(all)) = doubled(&stage, None).await else { panic!("clean") };
    let events = stage.cx.scope().journal().events();
    let (mut told, mut wrong, mut ended) = (0, 0, 0);
    for event in &events {
        match &event.what {
            EventKind::ExplorationStarted { exploration, messages, connections } => {
                assert_eq!((*exploration, *connections), (1, 1));
                assert_eq!(*messages, all.messages as u64);
            }
            EventKind::PointTried { findings, token, .. } => {
                token.parse::<ReplayToken>()?;
                told += 1;
                wrong += usize::from(!findings.is_empty());
            }
            EventKind::ExplorationEnded { tried, violated, .. } => {
                assert_eq!((*tried, *violated), (told, wrong as u64));
                ended += 1;
            }
            EventKind::Note { message } => assert!(message.ends_with(&all.coverage()), "{message}"),
            other => panic!("only one event for each point: {other:?}"),
        }
    }
    assert_eq!((told as usize, wrong, ended), (all.met(), all.violated().count(), 1));
    Ok(())
}
