//! Web services of the base at `/demo/ws/<name>`, as strict as 1C is: every parameter that goes in
//! must come, an unknown one is a fault.
//!
//! `POST /demo/_soap` sets [`Settings`]; `GET /demo/_soap` shows them and what was loaded.

mod assistant;
mod enterprise_data;
mod exchange;
mod interface_version;
mod message;
mod tree;
mod value;
mod wsdl;
mod zip;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde::{Deserialize, Serialize};

use crate::base::Base;
use crate::server::authorized;
use tree::{Node, V8, XS, XSI, escape};
use value::Value;
use wsdl::{Operation, Service, Way};

/// Largest request.
const LARGEST_REQUEST: usize = 64 * 1024 * 1024;
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// The services of the base.
const SERVICES: [&Service; 4] = [
    &interface_version::SERVICE,
    &enterprise_data::SERVICE,
    &exchange::SERVICE,
    &assistant::SERVICE,
];

/// What can be set while the server runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Services are not published: their addresses answer 404.
    off: bool,
    /// How often a background job is asked for before it has ended.
    polls: u32,
    /// Background jobs fail.
    jobs_fail: bool,
    /// Milliseconds before each answer.
    latency_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            off: false,
            polls: 3,
            jobs_fail: false,
            latency_ms: 0,
        }
    }
}

/// What services remember.
#[derive(Default)]
struct Memory {
    settings: Settings,
    exchange: enterprise_data::Exchange,
    /// How many objects of each kind were loaded.
    loaded: BTreeMap<String, usize>,
}

/// What services work with.
struct World {
    base: Arc<Base>,
    credentials: String,
    memory: Mutex<Memory>,
}

impl World {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an operation answers: the result and the parameters that come out.
type Answer = Result<(Value, Vec<(&'static str, Value)>), Fault>;

/// Why there is no answer.
#[derive(Debug)]
struct Fault {
    /// The caller is to blame.
    client: bool,
    text: String,
}

impl Fault {
    fn client(text: impl Into<String>) -> Self {
        Self {
            client: true,
            text: text.into(),
        }
    }

    /// An exception of the module of a service.
    fn module(service: &str, line: u32, text: &str) -> Self {
        Self {
            client: false,
            text: format!("Неизвестная ошибка. {{WebСервис.{service}.Модуль({line})}}: {text}"),
        }
    }
}

/// The parameters of a call.
struct Given(BTreeMap<&'static str, Value>);

impl Given {
    fn get(&self, name: &str) -> &Value {
        self.0.get(name).unwrap_or(&Value::Nil)
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).as_text()
    }
}

/// The routes of the services of `base`; `credentials` are `user:password`.
pub(crate) fn router(base: Arc<Base>, credentials: String) -> Router {
    let world = World {
        base,
        credentials,
        memory: Mutex::default(),
    };
    Router::new()
        .route("/demo/_soap", get(settings).post(set_settings))
        .route("/demo/ws/{name}", any(serve))
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .with_state(Arc::new(world))
}

async fn settings(State(world): State<Arc<World>>) -> Response {
    let memory = world.memory();
    axum::Json(serde_json::json!({"settings": memory.settings, "loaded": memory.loaded})).into_response()
}

async fn set_settings(State(world): State<Arc<World>>, body: Bytes) -> Response {
    match serde_json::from_slice::<Settings>(&body) {
        Ok(settings) => {
            world.memory().settings = settings.clone();
            axum::Json(settings).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}

async fn serve(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let settings = world.memory().settings.clone();
    if settings.latency_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(settings.latency_ms)).await;
    }
    if !authorized(&headers, &world.credentials) {
        return crate::hs::unauthorized();
    }
    let service = SERVICES
        .into_iter()
        .find(|service| service.name == name || service.file == name);
    let Some(service) = service.filter(|_| !settings.off) else {
        return crate::hs::not_found("Web-сервис не найден", &name);
    };
    if method == Method::GET {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let address = format!("http://{}/demo/ws/{}", host.unwrap_or("localhost"), service.file);
        return match uri.query() {
            Some(query) if query.split('&').any(|part| part.eq_ignore_ascii_case("wsdl")) => (
                [(header::CONTENT_TYPE, "text/xml;charset=utf-8")],
                service.wsdl(&address),
            )
                .into_response(),
            _ => (StatusCode::NOT_ACCEPTABLE, "406 Not Acceptable").into_response(),
        };
    }
    if method != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, "405 Method Not Allowed").into_response();
    }
    // Messages of a whole base take seconds to make.
    let work = tokio::task::spawn_blocking(move || {
        let text = String::from_utf8_lossy(&body);
        answer(&world, service, &text)
    });
    let (status, space, content) = work.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a call was not answered");
        let fault = Fault::module(service.name, 1, "Внутренняя ошибка");
        (500, SOAP_11, fault_xml(SOAP_11, &fault))
    });
    let content_type = if space == SOAP_12 {
        "application/soap+xml; charset=utf-8"
    } else {
        "text/xml; charset=utf-8"
    };
    let text =
        format!("<soap:Envelope xmlns:soap=\"{space}\"><soap:Body>{content}</soap:Body></soap:Envelope>");
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, content_type)], text).into_response()
}

/// Status, namespace of the envelope, and what its body holds.
fn answer(world: &World, service: &Service, text: &str) -> (u16, &'static str, String) {
    let envelope = tree::parse(text).filter(|root| root.name == "Envelope");
    let space = match envelope.as_ref().map(|root| root.space.as_str()) {
        Some(SOAP_12) => SOAP_12,
        _ => SOAP_11,
    };
    let called = envelope
        .as_ref()
        .filter(|root| root.space == space)
        .and_then(|root| root.get("Body"))
        .and_then(|body| body.nodes.first());
    let answered = match called {
        Some(called) => call(world, service, called),
        None => Err(Fault::client(
            "Ошибка разбора SOAP сообщения: неверный формат конверта.",
        )),
    };
    match answered {
        Ok(content) => (200, space, content),
        Err(fault) => (500, space, fault_xml(space, &fault)),
    }
}

fn call(world: &World, service: &Service, called: &Node) -> Result<String, Fault> {
    let found = service
        .operations
        .iter()
        .find(|operation| operation.name == called.name && called.space == service.namespace);
    let Some(operation) = found else {
        return Err(Fault::client(
            "Ошибка разбора SOAP сообщения: неизвестная операция. ",
        ));
    };
    let given = given(service, operation, called)?;
    let (result, outs) = match service.name {
        "InterfaceVersion" => interface_version::call(&given),
        "EnterpriseDataExchange_1_0_1_1" => enterprise_data::call(world, operation.name, &given),
        "Exchange_2_0_1_6" => exchange::call(world, operation.name, &given),
        _ => assistant::call(world, operation.name, &given),
    }?;
    let write = |name: &str, of: wsdl::Of, value: &Value| {
        let tag = format!("m:{name}");
        let open = of.0 == "xs:anyType";
        // Members of the service's own types are in the namespace of its package.
        if of.0.starts_with("own:") && matches!(value, Value::Object(_)) {
            let inner = value.write("own:x", false);
            let inner = inner
                .strip_prefix("<own:x>")
                .and_then(|inner| inner.strip_suffix("</own:x>"))
                .unwrap_or_default();
            return format!("<{tag}>{inner}</{tag}>");
        }
        value.write(&tag, open)
    };
    let mut content = write("return", operation.result.0, &result);
    for parameter in operation.parameters.iter().filter(|one| one.way != Way::In) {
        let value = outs
            .iter()
            .find(|(name, _)| *name == parameter.name)
            .map_or(&Value::Nil, |(_, value)| value);
        content.push_str(&write(parameter.name, parameter.of, value));
    }
    let (name, space) = (operation.name, service.namespace);
    let own = wsdl::bound("own", service.package.0);
    Ok(format!(
        "<m:{name}Response xmlns:m=\"{space}\" xmlns:xs=\"{XS}\" xmlns:xsi=\"{XSI}\" xmlns:v8=\"{V8}\" xmlns:cfg=\"{}\"{own}>\
         {content}</m:{name}Response>",
        tree::CFG
    ))
}

fn given(service: &Service, operation: &Operation, called: &Node) -> Result<Given, Fault> {
    let mut given = BTreeMap::new();
    for node in &called.nodes {
        let parameter = operation
            .parameters
            .iter()
            .find(|parameter| parameter.name == node.name && node.space == service.namespace);
        let Some(parameter) = parameter else {
            return Err(Fault::client(
                "Ошибка разбора SOAP сообщения: неизвестный параметр. ",
            ));
        };
        // What only comes out may be given and is not looked at.
        if parameter.way == Way::Out {
            continue;
        }
        if node.nil && !parameter.nillable {
            return Err(Fault::client(format!(
                "Ошибка преобразования данных XDTO: значение параметра не может быть пустым: {}",
                parameter.name
            )));
        }
        let (space, local) = parameter.of.parts(service.package.0);
        let value = if space == service.package.0 && !space.is_empty() && !node.nil {
            assistant::read_own(node, local)
        } else {
            value::read(node, &space, local)
        };
        let value = value.ok_or_else(|| {
            Fault::client(format!(
                "Ошибка преобразования данных XDTO: несоответствие типов параметра {}",
                parameter.name
            ))
        })?;
        given.insert(parameter.name, value);
    }
    let needed = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.way != Way::Out);
    for parameter in needed {
        if !given.contains_key(parameter.name) {
            return Err(Fault::client(format!(
                "Обязательный параметр не задан: {}",
                parameter.name
            )));
        }
    }
    Ok(Given(given))
}

fn fault_xml(space: &str, fault: &Fault) -> String {
    let text = escape(&fault.text);
    if space == SOAP_12 {
        let code = if fault.client { "Sender" } else { "Receiver" };
        format!(
            "<soap:Fault><soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code><soap:Reason>\
             <soap:Text xml:lang=\"ru\">{text}</soap:Text></soap:Reason></soap:Fault>"
        )
    } else {
        let code = if fault.client { "Client" } else { "Server" };
        format!(
            "<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>{text}</faultstring><detail/></soap:Fault>"
        )
    }
}
