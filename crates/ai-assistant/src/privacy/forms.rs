//! Forms of business, as they stand before and after the names of organisations.

/// Abbreviations, in lower case.
const SHORT: &[&str] = &[
    "ооо",
    "оао",
    "зао",
    "пао",
    "ао",
    "нао",
    "ип",
    "ичп",
    "тоо",
    "одо",
    "нко",
    "ано",
    "фгуп",
    "гуп",
    "муп",
    "гбу",
    "фгбу",
    "мбу",
    "гбоу",
    "мбоу",
    "фгбоу",
    "гку",
    "мку",
    "снт",
    "тсж",
    "тсн",
    "жск",
    "кфх",
    "пк",
    "спк",
    "ск",
    "чп",
    "сп",
    "нп",
    "чоп",
    "чуп",
    "ллс",
    "llc",
    "ltd",
    "inc",
    "gmbh",
    "ag",
    "plc",
    "corp",
    "co",
];
/// Words of the long forms and of kinds of firms that people leave out or add.
const LONG: &[&str] = &[
    "общество",
    "ограниченной",
    "ответственностью",
    "акционерное",
    "публичное",
    "непубличное",
    "закрытое",
    "открытое",
    "индивидуальный",
    "предприниматель",
    "унитарное",
    "государственное",
    "муниципальное",
    "казенное",
    "некоммерческая",
    "автономная",
    "филиал",
    "company",
    "limited",
    "компания",
];

/// True for the abbreviation of a form of business.
pub(super) fn is_short(plain: &str) -> bool {
    SHORT.contains(&plain)
}

/// True for a word that says what kind of organisation it is and not which.
pub(super) fn is_form(plain: &str) -> bool {
    is_short(plain) || LONG.contains(&plain) || matches!(plain, "с" | "и")
}
