//! A language model answers a client's own prompt with the client's own tools.

use std::time::Instant;

use common::auth::Identity;
use common::db::StoreResult;
use common::http::Problem;
use tokio_util::sync::CancellationToken;

use super::answering::Teller;
use super::{Asked, End, Told, refusal};
use crate::chat::ledger::Ledger;
use crate::error::Error;
use crate::privacy::{self, Subject};
use crate::providers::{Chain, Part, Prompt, Turn};
use crate::state::{AppState, Engine};

/// Answers, books what was used, and tells the end.
pub(super) async fn run(
    state: &AppState,
    identity: &Identity,
    asked: Asked,
    chain: Chain,
    teller: &Teller,
    cancel: CancellationToken,
) {
    let mut asked = asked;
    let subject = Subject {
        company: asked.place.company,
        infobase: asked.place.infobase,
        conversation: None,
    };
    let shielded = match privacy::shielded(chain, state, identity, subject).await {
        Ok(shielded) => shielded,
        Err(error) => return teller.tell(Told::Failed(error.into())),
    };
    let Some(chain) = shielded.chain else {
        return teller.tell(Told::Failed(Error::ExternalForbidden.into()));
    };
    let mask = shielded.mask;
    // Turns as their model sent them cannot be masked; they are told in our words then.
    if mask.is_none() {
        asked.belongs_to(chain.remote());
    }
    let mut ledger = Ledger::new("proxy");
    ledger.charge(state, identity, asked.place.company);
    let mut chain = ledger.pays(chain);
    ledger.mask.clone_from(&mask);
    ledger.begin(&Engine::Model(chain.remote().clone()));
    let limit = asked.max_output_tokens.unwrap_or(state.models.max_output_tokens);
    let limit = chain
        .remote()
        .max_output()
        .and_then(|most| u32::try_from(most).ok())
        .map_or(limit, |most| limit.min(most));
    let prompt = Prompt {
        system: &asked.system,
        items: &asked.items,
        tools: &asked.tools,
        max_output_tokens: limit,
        options: asked.options.clone(),
        mask: mask.as_ref(),
        of_client: true,
    };
    let started = Instant::now();
    let spent = &mut ledger.spent;
    let mut on_part = |part| match part {
        Part::Began { .. } => teller.tell(Told::Began),
        Part::Text(text) => {
            spent.first_token.get_or_insert_with(|| started.elapsed());
            teller.tell(Told::Text(text));
        }
        // The chain was made without restarts.
        Part::Restart => {}
        Part::Tried(attempt) => spent.tries.push(attempt),
    };
    let turned = tokio::select! {
        biased;
        () = cancel.cancelled() => None,
        turned = chain.turn(&prompt, &mut on_part) => Some(turned),
    };
    let (outcome, error) = match &turned {
        Some(Ok(_)) => ("answered", None),
        Some(Err(error)) => ("failed", Some(error.failure.as_str())),
        None => ("cancelled", None),
    };
    ledger.end(outcome, error, 0);
    let booked = book(state, identity, &ledger).await;
    teller.tell(match (turned, booked) {
        (None, _) => Told::Failed(Error::Cancelled.into()),
        (Some(Err(error)), _) => Told::Failed(refusal::of_provider(error)),
        // Nobody gets for nothing what could not be booked.
        (Some(Ok(_)), Err(problem)) => Told::Failed(problem),
        (Some(Ok(turn)), Ok(())) => Told::End(Box::new(end(
            turn,
            chain.remote().model.to_string(),
            mask.is_some(),
        ))),
    });
}

fn end(turn: Turn, model: String, masked: bool) -> End {
    End {
        model,
        text: turn.text,
        calls: turn.calls,
        tokens: turn.tokens,
        finish: turn.finish,
        raw: turn.raw,
        // Of a masked turn, only text and calls have their names back.
        dialect: turn.author.filter(|_| !masked).map(|author| author.dialect),
        onec: None,
    }
}

async fn book(state: &AppState, identity: &Identity, ledger: &Ledger) -> Result<(), Problem> {
    let booking = async {
        let mut tx = state.db.begin().await.store("begin")?;
        ledger.book(&mut tx, state, identity, None, None).await?;
        tx.commit().await.store("commit")?;
        Ok::<(), Error>(())
    };
    booking.await.map_err(Problem::from)
}
