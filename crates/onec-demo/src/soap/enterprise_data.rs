//! `EnterpriseDataExchange_1_0_1_1`: messages of EnterpriseData, prepared and loaded by background
//! jobs that have to be asked about.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::value::Value;
use super::wsdl::{Of, Operation, Parameter, Service, Way, given, parameter};
use super::{Answer, Given, World, message, zip};

/// The exchange plan of EnterpriseData.
pub(super) const PLAN: &str = "СинхронизацияДанныхЧерезУниверсальныйФормат";
/// Code of the node that asks.
pub(super) const NODE: &str = "ИИ";
/// How many messages are kept at most.
const MOST_FILES: usize = 16;
/// How many jobs are remembered at most.
const MOST_JOBS: usize = 256;

const ERROR: Parameter = parameter("ErrorMessage", "xs:string", true, Way::Out);

pub(super) static SERVICE: Service = Service {
    name: "EnterpriseDataExchange_1_0_1_1",
    namespace: "http://www.1c.ru/SSL/EnterpriseDataExchange_1_0_1_1",
    file: "EnterpriseDataExchange_1_0_1_1.1cws",
    operations: &[
        Operation {
            name: "Ping",
            parameters: &[],
            result: (Of("xs:string"), true),
        },
        Operation {
            name: "TestConnection",
            parameters: &[
                given("ExchangePlanName", "xs:string"),
                given("PeerCode", "xs:string"),
                ERROR,
            ],
            result: (Of("xs:boolean"), false),
        },
        Operation {
            name: "PrepareDataForGetting",
            parameters: &[
                given("ExchangePlanName", "xs:string"),
                given("PeerCode", "xs:string"),
                given("PartSize", "xs:decimal"),
                parameter("OperationID", "xs:string", true, Way::Out),
                ERROR,
            ],
            result: (Of("xs:string"), true),
        },
        Operation {
            name: "PrepareDataActionResult",
            parameters: &[given("OperationID", "xs:string"), ERROR],
            result: (Of("own:PrepareDataOperationResult"), false),
        },
        Operation {
            name: "GetDataPart",
            parameters: &[given("FileID", "xs:string"), given("PartNumber", "xs:int"), ERROR],
            result: (Of("xs:base64Binary"), true),
        },
        Operation {
            name: "ConfirmGettingFile",
            parameters: &[
                given("FileID", "xs:string"),
                given("ClearDataPool", "xs:boolean"),
                ERROR,
            ],
            result: (Of("xs:string"), true),
        },
        Operation {
            name: "PutFilePart",
            parameters: &[
                given("FileID", "xs:string"),
                parameter("PartNumber", "xs:int", true, Way::In),
                given("PartData", "xs:base64Binary"),
                ERROR,
            ],
            result: (Of("xs:string"), true),
        },
        Operation {
            name: "PutData",
            parameters: &[
                given("ExchangePlanName", "xs:string"),
                given("PeerCode", "xs:string"),
                given("FileID", "xs:string"),
                parameter("OperationID", "xs:string", true, Way::Out),
                ERROR,
            ],
            result: (Of("xs:string"), true),
        },
        Operation {
            name: "PutDataActionResult",
            parameters: &[given("OperationID", "xs:string"), ERROR],
            result: (Of("xs:string"), false),
        },
    ],
    package: (
        "http://v8.1c.ru/SSL/Exchange/EnterpriseDataExchange",
        r#"<xs:complexType name="PrepareDataOperationResult"><xs:sequence><xs:element name="ErrorMessage" type="xs:string" minOccurs="0"/><xs:element name="FileID" type="xs:string" minOccurs="0"/><xs:element name="PartCount" type="xs:int" minOccurs="0"/><xs:element name="Status" type="xs:string" minOccurs="0"/></xs:sequence></xs:complexType>"#,
    ),
};

/// Messages and jobs under way.
#[derive(Default)]
pub(super) struct Exchange {
    /// Ids are numbers in order.
    last_id: u64,
    jobs: BTreeMap<String, Job>,
    /// Parts of messages that go out.
    outgoing: BTreeMap<String, Vec<Vec<u8>>>,
    /// Parts of messages that come in, by number.
    incoming: BTreeMap<String, BTreeMap<i64, Vec<u8>>>,
    /// Number of the last message sent.
    sent: u64,
    /// Number of the last message received.
    received: u64,
}

/// A background job.
struct Job {
    /// How often it has yet to be asked for.
    polls: u32,
    /// What comes of it: the file and how many parts it has, or why it failed.
    outcome: Result<(String, usize), String>,
}

impl Exchange {
    fn new_id(&mut self) -> String {
        self.last_id += 1;
        Uuid::from_u64_pair(0x1c0d_ade0_0000_4000, 0x8000_0000_0000_0000 | self.last_id).to_string()
    }

    fn start(&mut self, polls: u32, outcome: Result<(String, usize), String>) -> String {
        let id = self.new_id();
        self.jobs.insert(id.clone(), Job { polls, outcome });
        while self.jobs.len() > MOST_JOBS {
            self.jobs.pop_first();
        }
        id
    }

    /// Status, and what the job made.
    fn ask(&mut self, id: &str) -> (&'static str, Result<(String, usize), String>) {
        match self.jobs.get_mut(id) {
            None => ("Canceled", Err(String::new())),
            Some(job) if job.polls > 0 => {
                job.polls -= 1;
                ("Active", Err(String::new()))
            }
            Some(job) => match &job.outcome {
                Ok(made) => ("Completed", Ok(made.clone())),
                Err(text) => ("Failed", Err(text.clone())),
            },
        }
    }
}

/// Why the node cannot be exchanged with.
fn refusal(given: &Given) -> Option<&'static str> {
    if given.text("ExchangePlanName") != PLAN {
        Some("Не найден план обмена.")
    } else if given.text("PeerCode") != NODE {
        Some("Заданный узел плана обмена не найден. Обратитесь к администратору приложения.")
    } else {
        None
    }
}

pub(super) fn call(world: &World, operation: &str, given: &Given) -> Answer {
    let ok = || ("ErrorMessage", Value::text(""));
    let error = |text: &str| ("ErrorMessage", Value::text(text));
    let empty = Value::text("");
    Ok(match operation {
        "TestConnection" => match refusal(given) {
            None => (Value::Bool(true), vec![ok()]),
            Some(text) => (Value::Bool(false), vec![error(text)]),
        },
        "PrepareDataForGetting" => {
            let id = prepare(world, given);
            (empty, vec![("OperationID", Value::Text(id)), ok()])
        }
        "PrepareDataActionResult" => {
            let (status, made) = world.memory().exchange.ask(given.text("OperationID"));
            let (file, parts, text) = match made {
                Ok((file, parts)) => (file, parts, String::new()),
                Err(text) => (String::new(), 0, text),
            };
            let result = Value::Object(vec![
                ("ErrorMessage", Value::text(text.as_str())),
                ("FileID", Value::Text(file)),
                ("PartCount", Value::Number(parts.to_string())),
                ("Status", Value::text(status)),
            ]);
            (result, vec![error(&text)])
        }
        "GetDataPart" => {
            let number = usize::try_from(given.get("PartNumber").as_whole()).unwrap_or_default();
            let memory = world.memory();
            let parts = memory.exchange.outgoing.get(given.text("FileID"));
            match parts.and_then(|parts| parts.get(number.checked_sub(1)?)) {
                Some(part) => (Value::Bytes(part.clone()), vec![ok()]),
                None => {
                    let text = format!("Не найдена часть {number} файла передачи.");
                    (Value::Nil, vec![error(&text)])
                }
            }
        }
        "ConfirmGettingFile" => {
            world.memory().exchange.outgoing.remove(given.text("FileID"));
            (empty, vec![ok()])
        }
        "PutFilePart" => {
            let mut memory = world.memory();
            let Value::Bytes(data) = given.get("PartData") else {
                return Ok((empty, vec![error("Нет данных.")]));
            };
            let incoming = &mut memory.exchange.incoming;
            incoming
                .entry(given.text("FileID").to_owned())
                .or_default()
                .insert(given.get("PartNumber").as_whole().max(1), data.clone());
            while incoming.len() > MOST_FILES {
                incoming.pop_first();
            }
            (empty, vec![ok()])
        }
        "PutData" => {
            let id = put(world, given);
            (empty, vec![("OperationID", Value::Text(id)), ok()])
        }
        "PutDataActionResult" => {
            let (status, made) = world.memory().exchange.ask(given.text("OperationID"));
            (Value::text(status), vec![error(&made.err().unwrap_or_default())])
        }
        _ => (empty, Vec::new()),
    })
}

/// Makes a message and starts the job that has it; returns the job's id.
fn prepare(world: &World, given: &Given) -> String {
    let mut memory = world.memory();
    let settings = memory.settings.clone();
    let exchange = &mut memory.exchange;
    if let Some(text) = refusal(given).or(settings.jobs_fail.then_some("Недостаточно места на диске."))
    {
        return exchange.start(settings.polls, Err(text.to_owned()));
    }
    exchange.sent += 1;
    let text = message::build(&world.base, exchange.sent, exchange.received);
    let file = exchange.new_id();
    let outcome = match zip::pack("message.xml", text.as_bytes()) {
        Ok(archive) => {
            // In kilobytes; zero means in one part.
            let kilobytes = usize::try_from(given.get("PartSize").as_whole()).unwrap_or_default();
            let size = kilobytes
                .checked_mul(1024)
                .filter(|size| *size > 0)
                .unwrap_or(archive.len());
            let parts: Vec<Vec<u8>> = archive.chunks(size).map(<[u8]>::to_vec).collect();
            let count = parts.len();
            exchange.outgoing.insert(file.clone(), parts);
            while exchange.outgoing.len() > MOST_FILES {
                exchange.outgoing.pop_first();
            }
            Ok((file, count))
        }
        Err(error) => Err(error.to_string()),
    };
    exchange.start(settings.polls, outcome)
}

/// Loads the parts that came; returns the id of the job that tells how it went.
fn put(world: &World, given: &Given) -> String {
    let mut memory = world.memory();
    let settings = memory.settings.clone();
    let parts = memory.exchange.incoming.remove(given.text("FileID"));
    let archive = parts
        .unwrap_or_default()
        .into_values()
        .collect::<Vec<_>>()
        .concat();
    let refused = refusal(given).or(settings.jobs_fail.then_some("Ошибка при загрузке данных."));
    let outcome = match refused {
        Some(text) => Err(text.to_owned()),
        None => zip::unpack(&archive)
            .ok_or_else(|| "Не удалось распаковать файл сообщения обмена.".to_owned())
            .and_then(|content| message::load(&content)),
    };
    let outcome = outcome.map(|loaded| {
        memory.exchange.received = loaded.number;
        for (kind, count) in loaded.objects {
            *memory.loaded.entry(kind).or_default() += count;
        }
        (String::new(), 0)
    });
    memory.exchange.start(settings.polls, outcome)
}
