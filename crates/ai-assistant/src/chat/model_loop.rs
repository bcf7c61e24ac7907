//! A language model answers: it asks for tools, gets their results, and writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::ids;
use common::telemetry::RequestContext;

use super::draft::Draft;
use super::events::{ChatEvent, Sink};
use super::guard::Grounds;
use super::prompt;
use crate::builtin::{self, Surroundings};
use crate::metrics;
use crate::privacy::{Links, Mask, Place, Screen};
use crate::providers::{
    Attempt, Chain, Finish, Item, Options, Part, Prompt, ProviderError, Remote, ToolChoice, Turn,
};
use crate::tools::{OnecError, Tool, Toolbox};

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
    /// What is hidden from models of others.
    pub(crate) mask: Option<Arc<Mask>>,
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
    /// What tried to command the assistant.
    pub(crate) screen: Screen,
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
    let specs = toolbox.specs();
    let (mut items, mut chain) = (task.items, task.chain);
    let grounds = Grounds {
        question: task.question,
        today: task.around.today,
    };
    // What a user writes is looked at, but never hidden from the model.
    let _ = spent.screen.text(task.question, Place::Message, "message");
    let mut links = Links::new(task.question, toolbox.locale());
    // The answer that the model was asked to correct.
    let mut first: Option<(String, Finish)> = None;
    let mut was_corrected = false;
    let mut round = 0;
    let finish = loop {
        round += 1;
        // In the last round there is nothing to do but answer.
        let is_last = round > MAX_ROUNDS || toolbox.is_closed();
        let tool_choice = if is_last {
            ToolChoice::None
        } else {
            ToolChoice::Auto
        };
        let prompt = Prompt {
            system: task.system,
            items: &items,
            tools: &specs,
            max_output_tokens: task.max_output_tokens,
            options: Options {
                tool_choice,
                ..Options::default()
            },
            mask: task.mask.as_ref(),
            of_client: false,
        };
        if !spent.text.is_empty() {
            say(sink, spent, "\n\n");
        }
        let turn = match turn(&mut chain, &prompt, sink, spent, started, &mut links).await {
            Ok(turn) => turn,
            // A correction that fails leaves the answer as it was.
            Err(error) => match first.take() {
                Some((text, finish)) => {
                    say_instead(sink, spent, &text);
                    break finish;
                }
                None => return Err(error),
            },
        };
        if turn.calls.is_empty() || is_last {
            let wrong = grounds.unverified(&spent.text, toolbox);
            if let Some((text, finish)) = first.take() {
                let better =
                    !spent.text.trim().is_empty() && wrong.len() <= grounds.unverified(&text, toolbox).len();
                if !better {
                    say_instead(sink, spent, &text);
                    break finish;
                }
                break turn.finish;
            }
            if wrong.is_empty() || turn.finish == Finish::Length || is_last {
                break turn.finish;
            }
            first = Some((spent.text.clone(), turn.finish));
            was_corrected = true;
            items.push(Item::Turn(turn));
            items.push(Item::User(prompt::correction(&wrong)));
            say_instead(sink, spent, "");
            continue;
        }
        for call in &turn.calls {
            sink.send(ChatEvent::ToolCall {
                id: call.id.clone(),
                name: call.name.clone(),
                title: title_of(&call.name),
            });
        }
        let calls = turn.calls.clone();
        let names: Vec<String> = calls.iter().map(|call| call.name.clone()).collect();
        items.push(Item::Turn(turn));
        let results = toolbox.run(calls).await;
        for (name, result) in names.iter().zip(&results) {
            sink.send(ChatEvent::ToolResult {
                id: result.id.clone(),
                name: name.clone(),
                title: title_of(name),
                is_error: result.is_error,
                draft: toolbox.draft_of(&result.id).cloned().map(Box::new),
            });
        }
        if let Some(error) = toolbox.take_unreachable() {
            return Err(LoopError::Onec(error));
        }
        let results = spent.screen.results(&names, results);
        items.push(Item::Results(prompt::wrapped(results, &mark)));
    };
    if links.removed() > 0 {
        spent
            .screen
            .suspect(Place::Answer, "answer", vec!["image_or_link"]);
    }
    let mut draft = finished(&grounds, task.around, toolbox, spent, finish);
    metrics::figures_checked(match (draft.unverified_numbers.is_empty(), was_corrected) {
        (false, _) => "unverified",
        (true, true) => "corrected",
        (true, false) => "verified",
    });
    if task.around.may_read && !chain.remote().calls_tools() {
        draft
            .notices
            .push(no_tools_notice(&chain.remote().model, toolbox.locale()));
    }
    Ok((draft, chain.remote().clone()))
}

/// One turn, of the first model that gives one. What a model said before it broke off is void.
async fn turn(
    chain: &mut Chain,
    prompt: &Prompt<'_>,
    sink: &Sink,
    spent: &mut Spent,
    started: Instant,
    links: &mut Links,
) -> Result<Turn, LoopError> {
    let before = spent.text.len();
    let unlinked = links.clone();
    let mut on_part = |part| match part {
        Part::Began { remote } => tracing::debug!(
            labels.provider = &*remote.provider,
            labels.model = &*remote.model,
            "a language model begins to answer"
        ),
        Part::Text(text) => {
            spent.first_token.get_or_insert_with(|| started.elapsed());
            say(sink, spent, &links.push(&text));
        }
        Part::Restart => {
            let kept = spent.text[..before].to_owned();
            links.clone_from(&unlinked);
            say_instead(sink, spent, &kept);
        }
        Part::Tried(attempt) => spent.tries.push(attempt),
    };
    let turn = chain.turn(prompt, &mut on_part).await;
    say(sink, spent, &links.finish());
    turn.map_err(LoopError::Provider)
}

/// The text so far is void; the answer begins with this one.
fn say_instead(sink: &Sink, spent: &mut Spent, text: &str) {
    spent.text.clear();
    sink.send(ChatEvent::Restart {});
    say(sink, spent, text);
}

fn say(sink: &Sink, spent: &mut Spent, text: &str) {
    if text.is_empty() {
        return;
    }
    spent.text.push_str(text);
    sink.send(ChatEvent::Token {
        text: text.to_owned(),
    });
}

/// What a tool is called for people; a name that is no tool's stays as it is.
fn title_of(name: &str) -> String {
    let locale = RequestContext::current_locale();
    Tool::from_name(name)
        .map_or(name, |tool| tool.title(locale))
        .to_owned()
}

fn finished(
    grounds: &Grounds<'_>,
    around: Surroundings,
    toolbox: &Toolbox,
    spent: &Spent,
    finish: Finish,
) -> Draft {
    let locale = toolbox.locale();
    let text = spent.text.trim().to_owned();
    let mut draft = Draft::words(text);
    draft.intent = builtin::intent_of(grounds.question, around.today).map(str::to_owned);
    draft.add_found(toolbox, locale, around.zone);
    let checked = grounds.check(&draft.text, toolbox);
    (draft.text, draft.unverified_numbers) = (checked.marked, checked.unverified);
    if !draft.unverified_numbers.is_empty() {
        let has_data = toolbox.sources().next().is_some() || !toolbox.facts().is_empty();
        let notice = prompt::unverified_notice(&draft.unverified_numbers, has_data, locale);
        draft.notices.push(notice);
    }
    if let Some(notice) = prompt::suspicion_notice(spent.screen.suspicions(), locale) {
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

fn no_tools_notice(model: &str, locale: common::Locale) -> String {
    match locale {
        common::Locale::Ru => {
            format!("Модель «{model}» не умеет обращаться к данным 1С: ответ дан без них.")
        }
        common::Locale::En => {
            format!("The model “{model}” cannot look into 1C: the answer is without its data.")
        }
    }
}
