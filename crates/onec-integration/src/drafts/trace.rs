//! What came of a change whose writer ended on the way: 1C is read again and tells.

use common::Text;
use common::http::Problem;
use common::telemetry::RequestContext;

use super::differences::unmet;
use super::execute::{Written, has_moved, is_done};
use super::plan::Plan;
use super::reading::{object, told};
use super::validate::Declared;
use crate::error::Error;
use crate::state::AppState;
use crate::store::infobases::Infobase;

/// What is found of it.
#[derive(Debug)]
pub(crate) enum Trace {
    /// It is there.
    Written(Box<Written>),
    /// The object is as it was before: nothing was written, and it may be tried again.
    Nothing,
    /// It cannot be told: 1C may have given a new object another key than it was asked to, and a changed
    /// one may have been changed by others since.
    Unclear,
}

/// Looks for it. Nothing is written, nor posted.
pub(crate) async fn look(
    state: &AppState,
    infobase: &Infobase,
    declared: &Declared,
    plan: &Plan,
) -> Result<Trace, Problem> {
    let onec = state.connections.of(infobase).await.map_err(Error::from)?;
    let found = object(&onec, declared, plan.reference).await;
    let Some(found) = told(state, infobase.id, found).await? else {
        return Ok(Trace::Unclear);
    };
    if !plan.is_new && !is_done(declared, plan, &found) {
        return Ok(if has_moved(plan, &found) {
            Trace::Unclear
        } else {
            Trace::Nothing
        });
    }
    let lacks_posting = plan.post && !found.is_posted;
    Ok(Trace::Written(Box::new(Written {
        reference: plan.reference,
        differences: unmet(declared, &plan.values, &found.values),
        was_posted_now: plan.post && found.is_posted && !plan.was_posted,
        posting_refusal: lacks_posting.then(|| {
            let text = Text::new(
                "Запись прервалась до проведения: проведите документ в 1С или новым черновиком.",
                "The writing ended before the posting: post the document in 1C or by another draft.",
            );
            text.get(RequestContext::current_locale()).to_owned()
        }),
        is_unverified: false,
        object: found,
    })))
}
