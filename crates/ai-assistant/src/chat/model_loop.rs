//! A language model answers: it asks for tools, gets their results, and writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::ids;
use common::telemetry::RequestContext;

use super::draft::Draft;
use super::events::{ChatEvent, Sink};
use super::{guard, prompt};
use crate::builtin::{self, Surroundings};
use crate::providers::{Attempt, Chain, Finish, Item, Options, Part, Prompt, ProviderError, Remote, Turn};
use crate::tools::{self, OnecError, Tool, ToolSpec, Toolbox};

/// Rounds of tools before the model has to answer.
const MAX_ROUNDS: u32 = 8;

/// What to answer.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The models that may answer.
    pub(crate) chain: Chain,
    pub(crate) system: &'a str,
    /// Earlier messages and the question.
    pub(crate) items: Vec<Item>,
    /// The question as it was asked.
    pub(crate) question: &'a str,
    pub(crate) around: Surroundings,
    pub(crate) max_output_tokens: u32,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum LoopError {
    Provider(ProviderError),
    Onec(OnecError),
}

/// What an exchange used; filled in even when it fails or is dropped in the middle.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// The tries so far, in their order.
    pub(crate) tries: Vec<Attempt>,
    pub(crate) first_token: Option<Duration>,
    /// Text that has come so far.
    pub(crate) text: String,
}

/// Runs the exchange to its answer; tells the model that gave it.
pub(crate) async fn run(
    task: Task<'_>,
    toolbox: &mut Toolbox,
    sink: &Sink,
    spent: &mut Spent,
) -> Result<(Draft, Arc<Remote>), LoopError> {
    let started = Instant::now();
    let mark = ids::new_id().simple().to_string();
    let specs = if task.around.may_read {
        tools::specs()
    } else {
        Vec::new()
    };
    let (mut items, mut chain) = (task.items, task.chain);
    let mut round = 0;
    let finish = loop {
        round += 1;
        // In the last round there is nothing to do but answer.
        let tools: &[ToolSpec] = if round > MAX_ROUNDS { &[] } else { &specs };
        let prompt = Prompt {
            system: task.system,
            items: &items,
            tools,
            max_output_tokens: task.max_output_tokens,
            options: Options::default(),
        };
        if !spent.text.is_empty() {
            say(sink, spent, "\n\n");
        }
        let turn = turn(&mut chain, &prompt, sink, spent, started).await?;
        if turn.calls.is_empty() || round > MAX_ROUNDS {
            break turn.finish;
        }
        for call in &turn.calls {
            tool_event(sink, &call.name, "running");
        }
        let calls = turn.calls.clone();
        let names: Vec<String> = calls.iter().map(|call| call.name.clone()).collect();
        items.push(Item::Turn(turn));
        let results = toolbox.run(calls).await;
        for (name, result) in names.iter().zip(&results) {
            tool_event(sink, name, if result.is_error { "failed" } else { "done" });
        }
        if let Some(error) = toolbox.take_unreachable() {
            return Err(LoopError::Onec(error));
        }
        items.push(Item::Results(prompt::wrapped(results, &mark)));
    };
    let draft = finished(task.question, task.around, toolbox, spent, finish);
    Ok((draft, chain.remote().clone()))
}

/// One turn, of the first model that gives one. What a model said before it broke off is void.
async fn turn(
    chain: &mut Chain,
    prompt: &Prompt<'_>,
    sink: &Sink,
    spent: &mut Spent,
    started: Instant,
) -> Result<Turn, LoopError> {
    let before = spent.text.len();
    let mut on_part = |part| match part {
        Part::Began { .. } => {}
        Part::Text(text) => {
            spent.first_token.get_or_insert_with(|| started.elapsed());
            say(sink, spent, &text);
        }
        Part::Restart => {
            let kept = spent.text[..before].to_owned();
            spent.text.clear();
            sink.send(ChatEvent::Restart {});
            say(sink, spent, &kept);
        }
        Part::Tried(attempt) => spent.tries.push(attempt),
    };
    chain
        .turn(prompt, &mut on_part)
        .await
        .map_err(LoopError::Provider)
}

fn say(sink: &Sink, spent: &mut Spent, text: &str) {
    if text.is_empty() {
        return;
    }
    spent.text.push_str(text);
    sink.send(ChatEvent::Delta {
        text: text.to_owned(),
    });
}

fn tool_event(sink: &Sink, name: &str, state: &'static str) {
    let locale = RequestContext::current_locale();
    let title = Tool::from_name(name)
        .map_or(name, |tool| tool.title(locale))
        .to_owned();
    sink.send(ChatEvent::Tool {
        name: name.to_owned(),
        state,
        title,
    });
}

fn finished(question: &str, around: Surroundings, toolbox: &Toolbox, spent: &Spent, finish: Finish) -> Draft {
    let locale = toolbox.locale();
    let text = spent.text.trim().to_owned();
    let mut draft = Draft::words(text);
    draft.intent = builtin::intent_of(question, around.today).map(str::to_owned);
    let reports: Vec<_> = toolbox.reports().iter().collect();
    draft.add_reports(&reports, locale, around.zone);
    draft.unverified_numbers = guard::unverified(&draft.text, question, toolbox.reports(), toolbox.matches());
    if !draft.unverified_numbers.is_empty() {
        let notice = prompt::unverified_notice(&draft.unverified_numbers, toolbox.reports(), locale);
        draft.notices.push(notice);
    }
    if finish == Finish::Length {
        draft.notices.push(match locale {
            common::Locale::Ru => "Ответ обрезан: модель достигла предела длины.".to_owned(),
            common::Locale::En => "The answer is cut: the model reached its limit of length.".to_owned(),
        });
    }
    draft
}
