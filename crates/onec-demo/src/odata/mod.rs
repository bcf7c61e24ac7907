//! The OData protocol as 1C speaks it.

mod atom;
mod changes;
pub(crate) mod error;
mod expression;
mod json;
mod lexer;
mod metadata;
mod parser;
mod query;
mod source;
mod url;
mod view;
mod virtual_tables;
pub(crate) mod write;

use std::sync::Arc;

use bytes::Bytes;

use crate::infobase::Infobase;

use crate::schema::{Row, SCHEMA, Value};
use error::Refusal;
pub(crate) use json::Metadata;
use query::{Options, Page, Restriction};
use source::{Source, target};
use url::Segment;
use view::View;
use virtual_tables::Method;

/// Rows written between two pieces of a long answer.
const PIECE: usize = 200;

/// A request, freed from HTTP.
pub(crate) struct Request<'a> {
    /// Path after the service's root, as it came, percent-encoded.
    pub(crate) path: &'a str,
    /// Query as it came.
    pub(crate) query: &'a str,
    /// What the client says it takes.
    pub(crate) accept: &'a str,
    /// Address of the service, with a slash at the end.
    pub(crate) root: String,
    /// Nothing is published.
    pub(crate) unpublished: bool,
    /// Organisation whose rows the user may not see.
    pub(crate) hidden: Option<u32>,
    /// More rows than this in one answer fail it.
    pub(crate) most_rows: Option<usize>,
    /// Bytes `$metadata` is filled up to.
    pub(crate) padding: usize,
}

/// An answer: type and text, in pieces if long.
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    pub(crate) body: Pieces,
}

impl Answer {
    /// Puts one text in place of another in an answer that is there as a whole.
    fn replace(&mut self, from: &str, to: &str) {
        if let Pieces::Whole(body) = &self.body {
            let text = String::from_utf8_lossy(body).replace(from, to);
            self.body = Pieces::Whole(Bytes::from(text));
        }
    }
}

/// Text of an answer.
pub(crate) enum Pieces {
    Whole(Bytes),
    Stream(Box<dyn Iterator<Item = Bytes> + Send>),
}

/// How a client wants its answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Atom,
    Json(Metadata),
}

const JSON: [&str; 3] = [
    "application/json;odata=nometadata;charset=utf-8",
    "application/json;odata=minimalmetadata;charset=utf-8",
    "application/json;odata=fullmetadata;charset=utf-8",
];

/// Decides the format by `$format`, else by what the client takes.
pub(crate) fn format(query: &str, accept: &str) -> Result<Format, Refusal> {
    let option = url::options(query)?
        .into_iter()
        .find(|(name, _)| name == "$format")
        .map(|(_, value)| value);
    let text = option.unwrap_or_else(|| accept.to_owned());
    let lower = text.to_lowercase().replace(' ', "");
    if lower.contains("odata=verbose") {
        return Err(Refusal::representation(&text));
    }
    if lower == "json" || lower.contains("application/json") {
        return Ok(Format::Json(if lower.contains("nometadata") {
            Metadata::None
        } else if lower.contains("fullmetadata") {
            Metadata::Full
        } else {
            Metadata::Minimal
        }));
    }
    let known = lower.is_empty()
        || ["*/*", "atom", "xml", "text/html", "text/plain"]
            .iter()
            .any(|one| lower.contains(one));
    if known {
        Ok(Format::Atom)
    } else {
        Err(Refusal::representation(&text))
    }
}

fn whole(content_type: &'static str, text: String) -> Answer {
    Answer {
        content_type,
        body: Pieces::Whole(Bytes::from(text)),
    }
}

fn json_type(metadata: Metadata) -> &'static str {
    match metadata {
        Metadata::None => JSON[0],
        Metadata::Minimal => JSON[1],
        Metadata::Full => JSON[2],
    }
}

const XML: &str = "application/xml;charset=utf-8";
const FEED: &str = "application/atom+xml;type=feed;charset=utf-8";
const ENTRY: &str = "application/atom+xml;type=entry;charset=utf-8";

/// Answers a request.
pub(crate) fn answer(base: &Arc<Infobase>, request: &Request<'_>) -> Result<Answer, Refusal> {
    let path = url::decode(request.path)?;
    let segments = url::segments(&path);
    let pairs = url::options(request.query)?;
    let format = format(request.query, request.accept)?;
    let Some((first, rest)) = segments.split_first() else {
        return Ok(match format {
            Format::Atom => whole(
                "application/atomsvc+xml;charset=utf-8",
                metadata::service_xml(base.base.configuration, &request.root, !request.unpublished),
            ),
            Format::Json(level) => whole(
                json_type(level),
                metadata::service_json(base.base.configuration, &request.root, !request.unpublished),
            ),
        });
    };
    if first.name == "$metadata" {
        return Ok(whole(
            XML,
            metadata::edmx(base.base.configuration, !request.unpublished, request.padding),
        ));
    }
    if changes::FUNCTIONS.contains(&first.name.as_str()) {
        return Err(Refusal::http_method("GET"));
    }
    let options = Options::read(&pairs)?;
    let at = base
        .position(&first.name)
        .filter(|at| !request.unpublished && SCHEMA.sets[*at].is_public())
        .ok_or_else(|| Refusal::unknown_entity(&first.name))?;
    let session = Session {
        base,
        request,
        format,
        options,
    };
    match &first.arguments {
        Some(key) => session.entity(at, key, rest),
        None => session.set(at, rest),
    }
}

/// One request being answered.
struct Session<'a> {
    base: &'a Arc<Infobase>,
    request: &'a Request<'a>,
    format: Format,
    options: Options,
}

impl Session<'_> {
    fn restriction(&self) -> Option<Restriction> {
        let leave_out = self.options.allowed_only;
        self.request.hidden.map(|organization| Restriction {
            organization,
            leave_out,
        })
    }

    /// A set, a count of it, or a method of a register.
    fn set(&self, at: usize, rest: &[Segment]) -> Result<Answer, Refusal> {
        let Some((next, tail)) = rest.split_first() else {
            return self.collection(Source::Set(at), None, SCHEMA.sets[at].name.clone());
        };
        if next.name == "$count" && tail.is_empty() {
            return self.count(&Source::Set(at), None);
        }
        let set = &SCHEMA.sets[at];
        let method = set.register.as_ref().and_then(|register| {
            let found = Method::of(register.flavour)
                .iter()
                .find(|known| known.0 == next.name);
            found.map(|found| (register, found.1))
        });
        let Some((register, method)) = method else {
            return Err(Refusal::method_not_found());
        };
        let brackets = next.arguments.as_deref().unwrap_or("");
        let hidden = self.request.hidden;
        let (source, among) = virtual_tables::run(
            self.base,
            register,
            &set.name,
            method,
            brackets,
            &self.options,
            hidden,
        )?;
        match tail {
            [] => {
                let context = match &source {
                    Source::Table(table) => format!("Collection(StandardODATA.{})", table.name),
                    Source::Set(at) => SCHEMA.sets[*at].name.clone(),
                };
                self.collection(source, among, context)
            }
            [last] if last.name == "$count" => self.count(&source, among),
            _ => Err(Refusal::segment(&tail[0].name)),
        }
    }

    /// The number of rows, after a byte order mark.
    fn count(&self, source: &Source, among: Option<Vec<Row>>) -> Result<Answer, Refusal> {
        let number = query::count(self.base, source, among, &self.options, self.restriction())?;
        Ok(whole("text/plain;charset=utf-8", format!("\u{feff}{number}")))
    }

    fn collection(
        &self,
        source: Source,
        among: Option<Vec<Row>>,
        context: String,
    ) -> Result<Answer, Refusal> {
        let page = query::run(self.base, &source, among, &self.options, self.restriction())?;
        if self.request.most_rows.is_some_and(|most| page.rows.len() > most) {
            return Err(Refusal::internal("The device is full '/tmp/v8_3F2A_17.tmp'"));
        }
        Ok(match self.format {
            Format::Json(metadata) => self.json(source, page, metadata, &context),
            Format::Atom => self.atom(source, page),
        })
    }

    fn json(&self, source: Source, page: Page, metadata: Metadata, context: &str) -> Answer {
        let mut head = String::from("{");
        if metadata != Metadata::None {
            head.push_str("\n\"odata.metadata\": ");
            json::string(&mut head, &format!("{}$metadata#{context}", self.request.root));
            head.push(',');
        }
        if let Some(total) = page.total {
            head.push_str(&format!("\n\"odata.count\": \"{total}\","));
        }
        head.push_str("\n\"value\": [");
        let root = self.request.root.clone();
        let writer = json::Writer {
            base: Arc::clone(self.base),
            source,
            view: page.view,
            metadata,
            root,
        };
        let write = move |out: &mut String, row: Row, first: bool| {
            if !first {
                out.push(',');
            }
            writer.row(out, row);
        };
        let body = pieces(head, page.rows, "]\n}".to_owned(), write);
        Answer {
            content_type: json_type(metadata),
            body,
        }
    }

    fn atom(&self, source: Source, page: Page) -> Answer {
        let root = self.request.root.clone();
        let (head, tail, content_type) = match &source {
            Source::Set(_) => {
                let total = page
                    .total
                    .map_or_else(String::new, |total| format!("<m:count>{total}</m:count>"));
                (atom::feed(&root), format!("{total}</feed>"), FEED)
            }
            Source::Table(table) => (atom::collection(&table.name), "</d:Result>".to_owned(), XML),
        };
        let writer = atom::Writer {
            base: Arc::clone(self.base),
            source,
            view: page.view,
            root,
        };
        let write = move |out: &mut String, row: Row, _first: bool| writer.entry(out, row, false);
        Answer {
            content_type,
            body: pieces(head, page.rows, tail, write),
        }
    }

    /// One object, or a step from it.
    fn entity(&self, at: usize, key: &str, rest: &[Segment]) -> Result<Answer, Refusal> {
        let row = url::find(self.base, at, key)?;
        let source = Source::Set(at);
        if self.request.hidden.is_some() {
            // A hidden object looks like one that is not there to a user who asks for what is allowed only.
            let seen = query::run(
                self.base,
                &source,
                Some(vec![row]),
                &Options::default(),
                self.restriction(),
            )?;
            if seen.rows.is_empty() {
                return Err(Refusal::not_found(&SCHEMA.sets[at].name));
            }
        }
        let Some((next, tail)) = rest.split_first() else {
            let view = view::view(
                &source,
                self.options.select.as_deref(),
                self.options.expand.as_deref(),
            )?;
            return Ok(self.single(at, row, view));
        };
        self.walk(at, row, &next.name, tail)
    }

    fn single(&self, at: usize, row: Row, view: View) -> Answer {
        let root = self.request.root.clone();
        let base = Arc::clone(self.base);
        let source = Source::Set(at);
        match self.format {
            Format::Json(metadata) => {
                let mut out = String::from("{");
                if metadata != Metadata::None {
                    out.push_str("\n\"odata.metadata\": ");
                    json::string(
                        &mut out,
                        &format!("{root}$metadata#{}/@Element", SCHEMA.sets[at].name),
                    );
                }
                let first = metadata == Metadata::None;
                json::Writer {
                    base,
                    source,
                    view,
                    metadata,
                    root,
                }
                .single(&mut out, row, first);
                out.push_str("\n}");
                whole(json_type(metadata), out)
            }
            Format::Atom => {
                let mut out = String::new();
                atom::Writer {
                    base,
                    source,
                    view,
                    root,
                }
                .entry(&mut out, row, true);
                whole(ENTRY, out)
            }
        }
    }

    /// Follows a property: a value, a tabular part, another object.
    fn walk(&self, at: usize, row: Row, name: &str, tail: &[Segment]) -> Result<Answer, Refusal> {
        let set = &SCHEMA.sets[at];
        if let Some(part) = set.part(name) {
            let rows: Vec<Row> = self.base.part(set, part, row).iter().collect();
            let context = SCHEMA.sets[part.set].name.clone();
            return self.collection(Source::Set(part.set), Some(rows), context);
        }
        if let Some(column) = set
            .column(name)
            .filter(|column| tail.is_empty() && set.columns[*column].navigation() != Some(name))
        {
            let value = self.base.value(at, row, column);
            return Ok(self.property(set.columns[column].name, set.columns[column].edm, &value));
        }
        let column = set.navigation(name).ok_or_else(|| Refusal::segment(name))?;
        let value = self.base.value(at, row, column);
        let found = target(&value).and_then(|found| self.base.set_of(found.kind).map(|set| (found, set)));
        let Some((found, next)) = found else {
            return Err(Refusal::not_found(name));
        };
        match tail.split_first() {
            None => {
                let source = Source::Set(next);
                let view = view::view(
                    &source,
                    self.options.select.as_deref(),
                    self.options.expand.as_deref(),
                )?;
                Ok(self.single(next, found.index, view))
            }
            Some((segment, tail)) => self.walk(next, found.index, &segment.name, tail),
        }
    }

    fn property(&self, name: &str, edm: crate::schema::Edm, value: &Value<'_>) -> Answer {
        match self.format {
            Format::Json(metadata) => {
                let mut out = String::from("{");
                if metadata != Metadata::None {
                    out.push_str("\n\"odata.metadata\": ");
                    json::string(
                        &mut out,
                        &format!("{}$metadata#{}", self.request.root, edm.name()),
                    );
                    out.push(',');
                }
                out.push_str("\n\"value\": ");
                json::value(&mut out, self.base, edm, value);
                out.push_str("\n}");
                whole(json_type(metadata), out)
            }
            Format::Atom => whole(XML, atom::one_property(self.base, name, value)),
        }
    }
}

/// Short answers are written at once, long ones while they are sent.
fn pieces(
    head: String,
    rows: Vec<Row>,
    tail: String,
    write: impl Fn(&mut String, Row, bool) + Send + 'static,
) -> Pieces {
    if rows.len() <= PIECE {
        let mut out = head;
        for (number, row) in rows.iter().enumerate() {
            write(&mut out, *row, number == 0);
        }
        out.push_str(&tail);
        return Pieces::Whole(Bytes::from(out));
    }
    let mut head = Some(head);
    let mut tail = Some(tail);
    let mut at = 0;
    Pieces::Stream(Box::new(std::iter::from_fn(move || {
        if at == rows.len() {
            return tail.take().map(Bytes::from);
        }
        let mut out = head.take().unwrap_or_default();
        let end = (at + PIECE).min(rows.len());
        for (number, row) in rows[at..end].iter().enumerate() {
            write(&mut out, *row, at + number == 0);
        }
        at = end;
        Some(Bytes::from(out))
    })))
}
