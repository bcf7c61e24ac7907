//! The service document and `$metadata`.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::atom::row_type;
use super::virtual_tables::{CORRESPONDENCE, Method, PERIODS, figures, is_side};
use crate::configuration::Configuration;
use crate::schema::{Column, Edm, EntitySet, Flavour, Register, SCHEMA, Shape};

/// The service document; empty when nothing is published.
pub(crate) fn service_xml(configuration: Configuration, root: &str, published: bool) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<service xmlns=\"http://www.w3.org/2007/app\" \
         xmlns:atom=\"http://www.w3.org/2005/Atom\" xml:base=\"{}\"><workspace><atom:title>Default</atom:title>",
        escape(root)
    );
    for set in SCHEMA.published(configuration).filter(|_| published) {
        let _ = write!(
            out,
            "<collection href=\"{0}\"><atom:title>{0}</atom:title></collection>",
            set.name
        );
    }
    out.push_str("</workspace></service>");
    out
}

/// The service document as JSON.
pub(crate) fn service_json(configuration: Configuration, root: &str, published: bool) -> String {
    let sets: Vec<serde_json::Value> = SCHEMA
        .published(configuration)
        .filter(|_| published)
        .map(|set| serde_json::json!({ "name": set.name, "url": set.name }))
        .collect();
    serde_json::json!({ "odata.metadata": format!("{root}$metadata"), "value": sets }).to_string()
}

/// The data model.
pub(crate) fn edmx(configuration: Configuration, published: bool, padding: usize) -> String {
    let sets: Vec<&EntitySet> = SCHEMA.published(configuration).filter(|_| published).collect();
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <edmx:Edmx xmlns:edmx=\"http://schemas.microsoft.com/ado/2007/06/edmx\" Version=\"1.0\">\
         <edmx:DataServices xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\" \
         m:DataServiceVersion=\"3.0\" m:MaxDataServiceVersion=\"3.0\">\
         <Schema xmlns=\"http://schemas.microsoft.com/ado/2009/11/edm\" Namespace=\"StandardODATA\">\n",
    );
    for set in &sets {
        entity_type(&mut out, set);
    }
    for set in &sets {
        complex_types(&mut out, set);
    }
    for set in &sets {
        associations(&mut out, set);
    }
    enumerations(&mut out);
    let made_up = made_up(&mut out, padding);
    out.push_str("<EntityContainer Name=\"EnterpriseV8\" m:IsDefaultEntityContainer=\"true\">\n");
    for set in &sets {
        let _ = writeln!(
            out,
            "<EntitySet Name=\"{0}\" EntityType=\"StandardODATA.{0}\"/>",
            set.name
        );
    }
    for number in 0..made_up {
        let _ = writeln!(
            out,
            "<EntitySet Name=\"Catalog_Справочник{number}\" EntityType=\"StandardODATA.Catalog_Справочник{number}\"/>"
        );
    }
    for set in &sets {
        functions(&mut out, set);
    }
    exchange_functions(&mut out, published);
    out.push_str("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>");
    out
}

/// Properties in order; types of composite ones come last, as 1C has it.
fn properties(out: &mut String, columns: &[Column], key: &[&str]) {
    for column in columns {
        property(out, column.name, column.edm, !key.contains(&column.name));
    }
}

fn property(out: &mut String, name: &str, edm: Edm, nullable: bool) {
    let _ = writeln!(
        out,
        "<Property Name=\"{name}\" Type=\"{}\" Nullable=\"{nullable}\"/>",
        edm.name()
    );
}

fn type_properties(out: &mut String, columns: &[Column], key: &[&str]) {
    for column in columns.iter().filter(|column| column.edm == Edm::Composite) {
        let name = format!("{}_Type", column.name);
        property(out, &name, Edm::Text, !key.contains(&name.as_str()));
    }
}

fn entity_type(out: &mut String, set: &EntitySet) {
    let _ = write!(out, "<EntityType Name=\"{}\" OpenType=\"true\"><Key>", set.name);
    for name in set.key {
        let _ = write!(out, "<PropertyRef Name=\"{name}\"/>");
    }
    out.push_str("</Key>\n");
    properties(out, &set.columns, set.key);
    for part in &set.parts {
        let name = row_type(&set.name, part.name);
        let _ = writeln!(
            out,
            "<Property Name=\"{}\" Type=\"Collection(StandardODATA.{name})\" Nullable=\"false\"/>",
            part.name
        );
    }
    type_properties(out, &set.columns, set.key);
    for (navigation, _) in links(set) {
        let _ = writeln!(
            out,
            "<NavigationProperty Name=\"{navigation}\" Relationship=\"StandardODATA.{}_{navigation}\" FromRole=\"Begin\" ToRole=\"End\"/>",
            set.name
        );
    }
    out.push_str("</EntityType>\n");
}

/// References of one kind: only they have associations.
fn links(set: &EntitySet) -> impl Iterator<Item = (&'static str, &'static str)> {
    let of = |column: &Column| match column.edm {
        Edm::Key(kind) => column
            .navigation()
            .map(|name| (name, set.configuration.set_name(kind))),
        _ => None,
    };
    set.columns.iter().filter_map(of).collect::<Vec<_>>().into_iter()
}

fn associations(out: &mut String, set: &EntitySet) {
    for (navigation, target) in links(set) {
        let _ = writeln!(
            out,
            "<Association Name=\"{0}_{navigation}\"><End Role=\"Begin\" Type=\"StandardODATA.{0}\" Multiplicity=\"*\"/>\
             <End Role=\"End\" Type=\"StandardODATA.{target}\" Multiplicity=\"0..1\"/></Association>",
            set.name
        );
    }
}

fn complex_types(out: &mut String, set: &EntitySet) {
    for part in &set.parts {
        let rows = &SCHEMA.sets[part.set];
        let _ = writeln!(out, "<ComplexType Name=\"{}\">", row_type(&set.name, part.name));
        properties(out, &rows.columns, rows.key);
        type_properties(out, &rows.columns, rows.key);
        out.push_str("</ComplexType>\n");
    }
    let Some(register) = &set.register else { return };
    let records = &SCHEMA.sets[register.records];
    for (_, method) in Method::of(register.flavour) {
        let suffix = match method {
            Method::Balance => "Balance",
            Method::Turnovers => "Turnover",
            Method::BalanceAndTurnovers => "BalanceAndTurnover",
            Method::DrCrTurnovers => {
                correspondence(out, set);
                continue;
            }
            _ => continue,
        };
        let _ = writeln!(out, "<ComplexType Name=\"{}_{suffix}\">", set.name);
        let dimensions: Vec<Column> = register
            .dimensions
            .iter()
            .filter_map(|name| records.column(name))
            .map(|at| records.columns[at].clone())
            .collect();
        properties(out, &dimensions, &[]);
        if *method != Method::Balance {
            breakdown(out);
        }
        for resource in &register.resources {
            for name in figures(register.flavour, *method, resource) {
                property(out, &name, Edm::Double, true);
            }
        }
        type_properties(out, &dimensions, &[]);
        if *method != Method::Balance {
            property(out, "Recorder_Type", Edm::Text, true);
        }
        out.push_str("</ComplexType>\n");
    }
}

fn breakdown(out: &mut String) {
    for name in PERIODS {
        property(out, name, Edm::Date, true);
    }
    property(out, "Recorder", Edm::Text, true);
    property(out, "LineNumber", Edm::Int64, true);
}

fn correspondence(out: &mut String, set: &EntitySet) {
    let Some(entries) = SCHEMA.position(set.configuration, &format!("{}_RecordType", set.name)) else {
        return;
    };
    let sides: Vec<Column> = SCHEMA.sets[entries]
        .columns
        .iter()
        .filter(|column| is_side(column))
        .cloned()
        .collect();
    let _ = writeln!(out, "<ComplexType Name=\"{}_DrCrTurnover\">", set.name);
    properties(out, &sides, &[]);
    breakdown(out);
    for name in CORRESPONDENCE {
        property(out, name, Edm::Double, true);
    }
    type_properties(out, &sides, &[]);
    property(out, "Recorder_Type", Edm::Text, true);
    out.push_str("</ComplexType>\n");
}

/// Enumerations; 1C declares `AllowedLength` twice.
fn enumerations(out: &mut String) {
    const LIST: [(&str, &[&str]); 15] = [
        ("AccountType", &["Active", "ActivePassive", "Passive"]),
        ("AccountingRecordType", &["Credit", "Debit"]),
        ("AccumulationRecordType", &["Expense", "Receipt"]),
        ("AllowedSign", &["Any", "Nonnegative"]),
        ("AllowedLength", &["Fixed", "Variable"]),
        ("DateFractions", &["Date", "DateTime", "Time"]),
        ("AllowedLength", &["Fixed", "Variable"]),
        (
            "ЮридическоеФизическоеЛицо",
            &["ФизическоеЛицо", "ЮридическоеЛицо"],
        ),
        ("ВидыДоговоровКонтрагентов", &["СПокупателем", "СПоставщиком"]),
        ("СтавкиНДС", &["БезНДС", "НДС10", "НДС20"]),
        ("ВидыОперацийРеализацияТоваров", &["Товары", "Услуги"]),
        (
            "ВидыОперацийДвиженияДенежныхСредств",
            &[
                "ОплатаПокупателя",
                "ОплатаПоставщику",
                "ПеречислениеНалога",
                "ПрочееСписание",
            ],
        ),
        ("ВидыПлатежейВГосБюджет", &["Налог"]),
        (
            "ТипыКонтактнойИнформации",
            &["Адрес", "АдресЭлектроннойПочты", "Телефон"],
        ),
        ("ТипыСкладов", &["ОптовыйСклад", "РозничныйМагазин"]),
    ];
    for (name, members) in LIST {
        let _ = write!(out, "<EnumType Name=\"{name}\" UnderlyingType=\"Edm.Int32\">");
        for member in members {
            let _ = write!(out, "<Member Name=\"{member}\"/>");
        }
        out.push_str("</EnumType>\n");
    }
}

fn functions(out: &mut String, set: &EntitySet) {
    if let Some(register) = &set.register {
        for (name, method) in Method::of(register.flavour) {
            register_function(out, set, register, name, *method);
        }
    }
    if let Shape::Object(kind) = set.shape
        && !kind.title().is_empty()
    {
        for (name, parameter) in [
            (
                "Post",
                "<Parameter Name=\"PostingModeOperational\" Type=\"Edm.Boolean\"/>",
            ),
            ("Unpost", ""),
        ] {
            let _ = writeln!(
                out,
                "<FunctionImport Name=\"{name}\" IsBindable=\"true\" IsSideEffecting=\"true\">\
                 <Parameter Name=\"bindingParameter\" Type=\"StandardODATA.{}\"/>{parameter}</FunctionImport>",
                set.name
            );
        }
    }
}

/// Fills the model up to about `size` bytes with types of catalogs that cannot be read; gives how many.
fn made_up(out: &mut String, size: usize) -> usize {
    let mut number = 0;
    while out.len() + number * 120 < size {
        let _ = writeln!(
            out,
            "<EntityType Name=\"Catalog_Справочник{number}\" OpenType=\"true\"><Key><PropertyRef Name=\"Ref_Key\"/></Key>"
        );
        property(out, "Ref_Key", Edm::Own, false);
        property(out, "DataVersion", Edm::Text, true);
        property(out, "Description", Edm::Text, true);
        for place in 0..30 {
            let edm = [Edm::Text, Edm::Double, Edm::Date, Edm::Bool, Edm::Own][place % 5];
            property(out, &format!("ДополнительныйРеквизит{place}"), edm, true);
        }
        out.push_str("</EntityType>\n");
        number += 1;
    }
    number
}

/// The functions of change tracking, which are bound to nothing.
fn exchange_functions(out: &mut String, published: bool) {
    for name in super::changes::FUNCTIONS.iter().filter(|_| published) {
        let _ = writeln!(
            out,
            "<FunctionImport Name=\"{name}\" IsSideEffecting=\"true\" m:HttpMethod=\"POST\">\
             <Parameter Name=\"DataExchangePoint\" Type=\"Edm.String\"/>\
             <Parameter Name=\"MessageNo\" Type=\"Edm.Int64\"/></FunctionImport>"
        );
    }
}

fn register_function(out: &mut String, set: &EntitySet, register: &Register, name: &str, method: Method) {
    let accounting = register.flavour == Flavour::Accounting;
    let (result, parameters): (String, &[(&str, Edm)]) = match method {
        Method::Balance if accounting => (
            format!("{}_Balance", set.name),
            &[
                ("AccountCondition", Edm::Text),
                ("Condition", Edm::Text),
                ("Dimensions", Edm::Text),
                ("ExtraDimensions", Edm::Text),
                ("Period", Edm::Date),
            ],
        ),
        Method::Balance => (
            format!("{}_Balance", set.name),
            &[
                ("Condition", Edm::Text),
                ("Dimensions", Edm::Text),
                ("Period", Edm::Date),
            ],
        ),
        Method::Turnovers if accounting => (
            format!("{}_Turnover", set.name),
            &[
                ("AccountCondition", Edm::Text),
                ("BalancedAccountCondition", Edm::Text),
                ("Condition", Edm::Text),
                ("Dimensions", Edm::Text),
                ("EndPeriod", Edm::Date),
                ("ExtraDimensions", Edm::Text),
                ("StartPeriod", Edm::Date),
            ],
        ),
        Method::BalanceAndTurnovers if accounting => (
            format!("{}_BalanceAndTurnover", set.name),
            &[
                ("AccountCondition", Edm::Text),
                ("Condition", Edm::Text),
                ("Dimensions", Edm::Text),
                ("EndPeriod", Edm::Date),
                ("ExtraDimensions", Edm::Text),
                ("StartPeriod", Edm::Date),
            ],
        ),
        Method::DrCrTurnovers => (
            format!("{}_DrCrTurnover", set.name),
            &[
                ("AccountCrCondition", Edm::Text),
                ("AccountDrCondition", Edm::Text),
                ("Condition", Edm::Text),
                ("EndPeriod", Edm::Date),
                ("StartPeriod", Edm::Date),
            ],
        ),
        Method::RecordsWithExtDimensions => (
            format!("{}_RecordType", set.name),
            &[
                ("Condition", Edm::Text),
                ("EndPeriod", Edm::Date),
                ("OrderBy", Edm::Text),
                ("StartPeriod", Edm::Date),
                ("Top", Edm::Int64),
            ],
        ),
        Method::SliceLast | Method::SliceFirst => (
            set.name.clone(),
            &[("Condition", Edm::Text), ("Period", Edm::Date)],
        ),
        Method::Turnovers | Method::BalanceAndTurnovers => (
            format!("{}_{}", set.name, name.trim_end_matches('s')),
            &[
                ("Condition", Edm::Text),
                ("Dimensions", Edm::Text),
                ("EndPeriod", Edm::Date),
                ("StartPeriod", Edm::Date),
            ],
        ),
    };
    let _ = write!(
        out,
        "<FunctionImport Name=\"{name}\" IsBindable=\"true\" IsSideEffecting=\"false\" \
         ReturnType=\"Collection(StandardODATA.{result})\">\
         <Parameter Name=\"bindingParameter\" Type=\"StandardODATA.{}\"/>",
        set.name
    );
    for (parameter, edm) in parameters {
        let _ = write!(out, "<Parameter Name=\"{parameter}\" Type=\"{}\"/>", edm.name());
    }
    out.push_str("</FunctionImport>\n");
}
