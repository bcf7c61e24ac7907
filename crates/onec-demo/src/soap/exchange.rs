//! `Exchange_2_0_1_6`: what older exchanges ask a base about itself.

use super::enterprise_data::{NODE, PLAN};
use super::value::Value;
use super::wsdl::{Of, Operation, Service, Way, given, parameter};
use super::{Answer, Fault, Given, World};

pub(super) static SERVICE: Service = Service {
    name: "Exchange_2_0_1_6",
    namespace: "http://www.1c.ru/SSL/Exchange_2_0_1_6",
    file: "exchange_2_0_1_6.1cws",
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
                given("NodeCode", "xs:string"),
                parameter("Result", "xs:string", true, Way::Out),
            ],
            result: (Of("xs:boolean"), false),
        },
        Operation {
            name: "GetIBParameters",
            parameters: &[
                given("ExchangePlanName", "xs:string"),
                parameter("NodeCode", "xs:string", true, Way::In),
                parameter("ResultMessage", "xs:string", true, Way::InOut),
            ],
            result: (Of("v8:Structure"), false),
        },
        Operation {
            name: "GetFunctionalOption",
            parameters: &[given("Name", "xs:string")],
            result: (Of("xs:boolean"), false),
        },
        Operation {
            name: "FileExists",
            parameters: &[given("FileName", "xs:string")],
            result: (Of("xs:boolean"), false),
        },
    ],
    package: ("", ""),
};

pub(super) fn call(world: &World, operation: &str, given: &Given) -> Answer {
    let plan = given.text("ExchangePlanName");
    let is_known = plan == PLAN && given.text("NodeCode") == NODE;
    Ok(match operation {
        "TestConnection" if is_known => (Value::Bool(true), vec![("Result", Value::text(""))]),
        // Not connected is an answer, not a fault.
        "TestConnection" => {
            let text = format!(
                "В \"Торговый дом\" не найдена настройка синхронизации данных \"{plan}\" с идентификатором \"{}\".",
                given.text("NodeCode")
            );
            (Value::Bool(false), vec![("Result", Value::text(text))])
        }
        "GetIBParameters" => {
            let title = world.base.organizations.first().map_or("", |found| found.name);
            let parameters = [
                ("ПланОбменаСуществует", Value::Bool(plan == PLAN)),
                ("ПрефиксИнформационнойБазы", Value::text("ДМ")),
                ("НаименованиеИнформационнойБазы", Value::text(title)),
                ("НаименованиеПоУмолчанию", Value::text("Бухгалтерия предприятия")),
                ("ВерсияКонфигурации", Value::text("3.0.150.27")),
                ("НастройкиПараметровУчетаЗаданы", Value::Bool(true)),
                ("КодУзла", given.get("NodeCode").clone()),
                (
                    "КоличествоОрганизаций",
                    Value::Number(world.base.organizations.len().to_string()),
                ),
                (
                    "ВерсииФормата",
                    Value::Array(["1.6", "1.8"].map(Value::text).into()),
                ),
                (
                    "ДатаНачалаИспользования",
                    Value::Moment("0001-01-01T00:00:00".to_owned()),
                ),
            ];
            let parameters = parameters.map(|(name, value)| (name.to_owned(), value)).into();
            let message = if is_known {
                ""
            } else {
                "Узел обмена не найден."
            };
            (
                Value::Structure(parameters),
                vec![("ResultMessage", Value::text(message))],
            )
        }
        "GetFunctionalOption" => match given.text("Name") {
            "ИспользоватьСинхронизациюДанных" => {
                (Value::Bool(true), Vec::new())
            }
            other => {
                let text = format!("Поле объекта не обнаружено ({other})");
                return Err(Fault::module("Exchange_2_0_1_6", 134, &text));
            }
        },
        "FileExists" => (Value::Bool(false), Vec::new()),
        _ => (Value::text(""), Vec::new()),
    })
}
