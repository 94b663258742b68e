//! Sequences that run out of numbers, or give them twice.

use std::sync::Arc;

use super::relation::Relation;
use super::session::Saboteur;
use crate::postgres::quoting::literal;
use crate::sabotage::{SabotageError, Undo, undo};
use crate::scope::FaultRecord;

/// What a sequence is like.
struct State {
    last: i64,
    is_called: bool,
    increment: i64,
    minimum: i64,
    maximum: i64,
    cycles: bool,
}

async fn state_of(saboteur: &Saboteur, sequence: &Relation) -> Result<State, SabotageError> {
    let sql = format!(
        "SELECT last_value, is_called, seqincrement, seqmin, seqmax, seqcycle \
         FROM {sequence}, pg_sequence WHERE seqrelid = $1::text::regclass"
    );
    let rows = saboteur.query("look at a sequence", &sql, &[&sequence.to_string()]).await?;
    let row = &rows[0];
    Ok(State {
        last: row.get(0),
        is_called: row.get(1),
        increment: row.get(2),
        minimum: row.get(3),
        maximum: row.get(4),
        cycles: row.get(5),
    })
}

/// Leaves a sequence no number.
pub(super) async fn exhaust(saboteur: Saboteur, name: &str) -> Result<Undo, SabotageError> {
    let sequence = saboteur.sequence(name).await?;
    let claimed = saboteur.claim(&format!("sequence {sequence}"))?;
    let before = state_of(&saboteur, &sequence).await?;
    let text = sequence.to_string();
    let upwards = before.increment > 0;
    let first = if upwards { before.minimum } else { before.maximum };
    let (mut last, mut is_called) = (before.last, before.is_called);
    // Its limit has to be a number that was given, and not the first one.
    while !is_called || last == first {
        let draw = "SELECT nextval($1::text::regclass)";
        last = saboteur.query("draw a number", draw, &[&text]).await?[0].get(0);
        is_called = true;
    }
    let (bound, limit) =
        if upwards { ("MAXVALUE", before.maximum) } else { ("MINVALUE", before.minimum) };
    let begin = format!("ALTER SEQUENCE {sequence} {bound} {last} NO CYCLE");
    saboteur.run(&format!("limit {sequence}"), &begin).await?;
    let cycle = if before.cycles { "CYCLE" } else { "NO CYCLE" };
    let end = format!(
        "ALTER SEQUENCE {sequence} {bound} {limit} {cycle}; SELECT setval({}, {}, {})",
        literal(&text),
        before.last,
        before.is_called
    );
    Ok(undo(async move {
        let ended = saboteur.change(&format!("put the limit of {sequence} back"), &end).await;
        drop(claimed);
        Ok(ended?)
    }))
}

/// Sets a sequence back.
pub(super) async fn rewind(
    saboteur: Saboteur,
    name: &str,
    to: i64,
    record: Arc<FaultRecord>,
) -> Result<Undo, SabotageError> {
    let sequence = saboteur.sequence(name).await?;
    let claimed = saboteur.claim(&format!("sequence {sequence}"))?;
    let before = state_of(&saboteur, &sequence).await?;
    if !(before.minimum..=before.maximum).contains(&to) {
        let State { minimum, maximum, .. } = before;
        let problem = format!("{sequence} goes from {minimum} to {maximum}, which {to} is not in");
        return Err(saboteur.no_target(problem));
    }
    let set = "SELECT setval($1::text::regclass, $2, $3)";
    let name = sequence.to_string();
    saboteur.query("set a sequence back", set, &[&name, &to, &false]).await?;
    Ok(undo(async move {
        let now = state_of(&saboteur, &sequence).await?;
        if now.is_called {
            let drawn = (now.last - to) / now.increment + 1;
            record.touch(0, drawn.unsigned_abs());
        }
        // Behind the last number that it ever gave, in the direction in which it goes.
        let further = (now.last > before.last) == (now.increment > 0) && now.is_called;
        let (last, is_called) =
            if further { (now.last, true) } else { (before.last, before.is_called) };
        let ended = saboteur.query("set a sequence forth", set, &[&name, &last, &is_called]).await;
        drop(claimed);
        Ok(ended.map(drop)?)
    }))
}
