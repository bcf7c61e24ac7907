//! What is known to be harmless by its grammar: filters and paths of OData as 1C understands them, and texts of
//! 1C queries. Strings in them are given back, to be looked at as values of their own.

use crate::limits::DEPTH;

/// A token of either language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// A name, a number, or an operator that is a word.
    Word(&'a str),
    /// A string or a typed literal such as `guid'…'`.
    Text(&'a str),
    Open,
    Close,
    Comma,
    /// `:` of a lambda, `=` of a named parameter.
    Sign(char),
}

/// The tokens of an OData expression; `None` when there is something else.
fn tokens(source: &str) -> Option<Vec<Token<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            ':' | '=' => (Token::Sign(first), 1),
            '\'' => {
                let (text, length) = string(rest, '\'')?;
                (Token::Text(text), length)
            }
            c if c.is_alphanumeric() || matches!(c, '_' | '-' | '*' | '$' | '@') => {
                let length = rest
                    .find(|c: char| {
                        !(c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '*' | '$' | '-' | '@'))
                    })
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(length);
                // A comment is none of the words.
                if word.contains("--")
                    || word.contains("/*")
                    || word.contains("*/")
                    || word.contains("..")
                    || word.contains("//")
                {
                    return None;
                }
                if after.starts_with('\'')
                    && matches!(
                        word,
                        "guid" | "datetime" | "binary" | "X" | "time" | "datetimeoffset"
                    )
                {
                    let (text, more) = string(after, '\'')?;
                    (Token::Text(text), length + more)
                } else {
                    (Token::Word(word), length)
                }
            }
            _ => return None,
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

/// What is between quotes, doubled ones inside, and how long it is with them.
fn string(source: &str, quote: char) -> Option<(&str, usize)> {
    let mut from = 1;
    loop {
        let end = from + source.get(from..)?.find(quote)?;
        if source[end + 1..].starts_with(quote) {
            from = end + 2;
        } else {
            return Some((&source[1..end], end + 1));
        }
    }
}

const OPERATORS: [&str; 15] = [
    "eq", "ne", "gt", "ge", "lt", "le", "and", "or", "add", "sub", "mul", "div", "mod", "in", "has",
];
const FUNCTIONS: [&str; 45] = [
    "substringof",
    "startswith",
    "startwith",
    "endswith",
    "contains",
    "length",
    "indexof",
    "substring",
    "tolower",
    "toupper",
    "trim",
    "concat",
    "day",
    "month",
    "year",
    "hour",
    "minute",
    "second",
    "quarter",
    "dayofweek",
    "dayofyear",
    "week",
    "round",
    "floor",
    "ceiling",
    "isof",
    "cast",
    "like",
    "case",
    "any",
    "all",
    "datedifference",
    "dateadd",
    "begofperiod",
    "endofperiod",
    "isnull",
    "replace",
    "matchesPattern",
    "date",
    "time",
    "now",
    "max",
    "min",
    "abs",
    "guid",
];

fn is_function(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(last))
}

/// Strings of an OData expression, such as `Цена gt 10 and startswith(Code, '0')`; `None` when it is none.
pub(crate) fn expression(source: &str) -> Option<Vec<&str>> {
    let tokens = tokens(source)?;
    let mut strings = Vec::new();
    let (mut depth, mut operators) = (0usize, 0);
    // True where an operand has to come next.
    let mut wanted = true;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Word("not") if wanted => {}
            Token::Word(word) if wanted => {
                let called = tokens.get(at + 1) == Some(&Token::Open);
                if called && !is_function(word) || !called && OPERATORS.contains(word) {
                    return None;
                }
                if called {
                    operators += 1;
                } else {
                    wanted = false;
                }
            }
            Token::Word(word) if OPERATORS.contains(word) => {
                operators += 1;
                wanted = true;
            }
            Token::Text(text) if wanted => {
                strings.push(*text);
                wanted = false;
            }
            Token::Open if wanted => {
                depth += 1;
                // A function without arguments.
                if tokens.get(at + 1) == Some(&Token::Close) {
                    wanted = false;
                }
            }
            Token::Close if !wanted && depth > 0 => depth -= 1,
            Token::Comma if !wanted && depth > 0 => wanted = true,
            Token::Sign(':') if !wanted && depth > 0 => wanted = true,
            _ => return None,
        }
        if depth > DEPTH {
            return None;
        }
        at += 1;
    }
    (!wanted && depth == 0 && operators > 0).then_some(strings)
}

/// Strings of options such as `$filter=Цена gt 10&$top=5`; `None` when they are none.
pub(crate) fn options(source: &str) -> Option<Vec<&str>> {
    let mut strings = Vec::new();
    for option in source.trim_start_matches('?').split('&') {
        let (name, value) = option.split_once('=')?;
        strings.extend(option_value(name, value)?);
    }
    Some(strings)
}

/// Strings of one option; `None` when it is none, or not as it should be.
pub(crate) fn option_value<'a>(name: &str, value: &'a str) -> Option<Vec<&'a str>> {
    let list = |more: &[char]| {
        let fine = |c: char| {
            c.is_alphanumeric() || matches!(c, '_' | '/' | ',' | ' ' | '.' | '*') || more.contains(&c)
        };
        value.chars().all(fine).then(Vec::new)
    };
    match name {
        "$filter" => expression(value),
        "$select" | "$expand" | "$orderby" | "$apply" | "$compute" | "$search" => {
            list(&['(', ')', ';', '=', '$'])
        }
        "$top" | "$skip" => value.bytes().all(|byte| byte.is_ascii_digit()).then(Vec::new),
        "$inlinecount" | "$count" | "allowedOnly" | "$format" | "$metadata" => list(&['/', ';', '=', '-']),
        "$skiptoken" => list(&['-', '=', '\'']),
        _ => None,
    }
}

/// Strings of a path of OData, such as `Catalog_X(guid'…')/Owner` or `Register/Balance(Period=datetime'…')`.
pub(crate) fn path(source: &str) -> Option<Vec<&str>> {
    let (_, inside) = source.split_once("/odata/standard.odata")?;
    let mut strings = Vec::new();
    let mut depth = 0usize;
    let found = tokens(inside.trim_start_matches('/'))?;
    for token in found {
        match token {
            Token::Open if depth < DEPTH => depth += 1,
            Token::Close => depth = depth.checked_sub(1)?,
            Token::Text(text) => strings.push(text),
            Token::Word(word) if depth > 0 && word.contains('*') && word != "*" => return None,
            Token::Word(_) | Token::Comma => {}
            Token::Sign('=') if depth > 0 => {}
            Token::Open | Token::Sign(_) => return None,
        }
    }
    (depth == 0).then_some(strings)
}

/// The kinds of tables of 1C, in both languages of its queries.
const TABLES: [&str; 26] = [
    "справочник.",
    "документ.",
    "журналдокументов.",
    "регистрсведений.",
    "регистрнакопления.",
    "регистрбухгалтерии.",
    "регистррасчета.",
    "плансчетов.",
    "планвидовхарактеристик.",
    "планвидоврасчета.",
    "перечисление.",
    "задача.",
    "бизнеспроцесс.",
    "константа.",
    "константы",
    "последовательность.",
    "catalog.",
    "document.",
    "documentjournal.",
    "informationregister.",
    "accumulationregister.",
    "accountingregister.",
    "calculationregister.",
    "chartofaccounts.",
    "chartofcharacteristictypes.",
    "enum.",
];

/// Strings of the text of a 1C query; `None` when it is none.
pub(crate) fn query(source: &str) -> Option<Vec<&str>> {
    let source = source.trim();
    let head: String = source.chars().take(12).collect::<String>().to_lowercase();
    let russian = head.starts_with("выбрать") || head.starts_with("уничтожить");
    if !russian && !head.starts_with("select") {
        return None;
    }
    let small = source.to_lowercase();
    if !russian && !TABLES.iter().any(|table| small.contains(table)) {
        return None;
    }
    let mut strings = Vec::new();
    let mut depth = 0usize;
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let (text, length) = string(rest, '"')?;
                strings.push(text);
                length
            }
            '(' => {
                depth += 1;
                1
            }
            ')' => {
                depth = depth.checked_sub(1)?;
                1
            }
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => return None,
            '-' if rest.starts_with("--") => return None,
            '|' | '.' | ',' | '=' | '<' | '>' | '+' | '-' | '*' | '/' | ';' | '&' | '_' | '{' | '}' | '#' => {
                1
            }
            c if c.is_alphanumeric() || c.is_whitespace() => c.len_utf8(),
            _ => return None,
        };
        if depth > DEPTH {
            return None;
        }
        rest = &rest[length..];
    }
    (depth == 0).then_some(strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_of_1c_are_understood() {
        for (source, strings) in [
            ("Цена mul 5 gt 1000", vec![]),
            ("not (Цена eq 10)", vec![]),
            ("startswith(Code, '000')", vec!["000"]),
            (
                "substringof('Красный ''Октябрь''', Имя) eq true",
                vec!["Красный ''Октябрь''"],
            ),
            ("Товары/any(d: d/Цена gt 10000)", vec![]),
            (
                "Date ge datetime'2024-01-01T00:00:00' and Ref_Key eq guid'00'",
                vec!["2024-01-01T00:00:00", "00"],
            ),
            ("cast(Реквизит, 'Number') le -12", vec!["Number"]),
        ] {
            assert_eq!(expression(source).as_deref(), Some(&strings[..]), "{source}");
        }
    }

    #[test]
    fn what_only_looks_like_a_filter_is_none() {
        for source in [
            "1 or 1=1",
            "1 and sleep(5)",
            "x' or '1' eq '1",
            "1 eq 1 --",
            "1 eq 1; drop table x",
            "name",
            "'text'",
            "1 union select 2",
            "(1 eq 1",
            "a eq",
            "a /* b */ eq 1",
            "",
        ] {
            assert_eq!(expression(source), None, "{source}");
        }
        let deep = "(".repeat(DEPTH + 1) + "1 eq 1" + &")".repeat(DEPTH + 1);
        assert_eq!(expression(&deep), None);
    }

    #[test]
    fn paths_and_options_are_understood() {
        let prefix = "/trade/odata/standard.odata/";
        for inside in [
            "Catalog_X(guid'1')",
            "AccumulationRegister_Имя/BalanceAndTurnovers()",
            "R/Balance(Period=datetime'2024', Condition='A eq 1')",
            "$metadata",
        ] {
            assert!(path(&format!("{prefix}{inside}")).is_some(), "{inside}");
        }
        assert!(path(&format!("{prefix}Catalog_X(1)--")).is_none());
        assert!(path(&format!("{prefix}<script>")).is_none());
        assert_eq!(options("$filter=Имя eq 'Молоко'&$top=5"), Some(vec!["Молоко"]));
        assert_eq!(options("$top=5;drop"), None);
        assert_eq!(option_value("$orderby", "Дата desc, Код"), Some(vec![]));
    }

    #[test]
    fn queries_of_1c_are_understood() {
        let source = "ВЫБРАТЬ РАЗРЕШЕННЫЕ Т.Ссылка КАК Ссылка // заметка\nИЗ Справочник.Товары КАК Т ГДЕ Т.Код = \"1\" И Т.Цена > &Цена";
        assert_eq!(query(source), Some(vec!["1"]));
        assert_eq!(query("SELECT Ref FROM Catalog.Goods"), Some(vec![]));
        assert_eq!(query("select password from users"), None);
        assert_eq!(query("ВЫБРАТЬ 1 -- x"), None);
        assert_eq!(query("Выбрать 'x' or 1=1"), None);
    }
}
