//! Refusals with the codes 1C gives them.

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Number 1C gives the error; -1 for an exception inside the configuration.
    pub(crate) code: i32,
    pub(crate) message: String,
}

impl Refusal {
    fn new(status: u16, code: i32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// 0: a query option nobody knows.
    pub(crate) fn unknown_option(name: &str) -> Self {
        Self::new(400, 0, format!("The {name} parameter is not supported"))
    }

    /// 1: a literal that cannot be read.
    pub(crate) fn value(text: &str, edm: &str) -> Self {
        Self::new(
            400,
            1,
            format!("Не удалось разобрать строку '{text}' как значение типа {edm}!"),
        )
    }

    /// 2: a request that makes no sense as such.
    pub(crate) fn request(message: impl Into<String>) -> Self {
        Self::new(400, 2, message)
    }

    /// 3: a representation that is not offered.
    pub(crate) fn representation(format: &str) -> Self {
        Self::new(
            406,
            3,
            format!("Формат представления \"{format}\" не поддерживается"),
        )
    }

    /// 4: a value out of place.
    pub(crate) fn bad_value(option: &str, value: &str) -> Self {
        Self::new(
            400,
            4,
            format!("Неверное значение \"{value}\" параметра {option}"),
        )
    }

    /// 6: a method the entity does not have.
    pub(crate) fn method_not_found() -> Self {
        Self::new(400, 6, "Метод не найден")
    }

    /// 6: a segment of a path nobody knows.
    pub(crate) fn segment(name: &str) -> Self {
        Self::new(400, 6, format!("Сегмент пути {name} не найден!"))
    }

    /// 7: a key with a part missing.
    pub(crate) fn key_part(name: &str) -> Self {
        Self::new(400, 7, format!("Не задана часть ключа: {name}"))
    }

    /// 8: an entity set that is not there or not published.
    pub(crate) fn unknown_entity(name: &str) -> Self {
        Self::new(404, 8, format!("\"{name}\" entity is not found"))
    }

    /// 9: no object with this key.
    pub(crate) fn not_found(set: &str) -> Self {
        Self::new(
            404,
            9,
            format!("Экземпляр сущности \"{set}\" не найден по переданному ключу."),
        )
    }

    /// 12: an argument of a function that is not right.
    pub(crate) fn argument(name: &str) -> Self {
        Self::new(400, 12, format!("Неверный аргумент функции: {name}"))
    }

    /// 14: a query option that cannot be parsed.
    pub(crate) fn parse(option: &str) -> Self {
        Self::new(400, 14, format!("Error parsing {option} query option"))
    }

    /// 5: something that has to be given is not.
    pub(crate) fn required(name: &str) -> Self {
        Self::new(
            400,
            5,
            format!("Не задано значение обязательного параметра {name}"),
        )
    }

    /// 13: rows of tabular parts cannot be made one by one.
    pub(crate) fn part_row() -> Self {
        Self::new(
            400,
            13,
            "Создание строк табличных частей отдельно от объекта не поддерживается",
        )
    }

    /// 15: a key that is taken.
    pub(crate) fn key_exists(set: &str) -> Self {
        Self::new(
            400,
            15,
            format!("Экземпляр сущности \"{set}\" с таким ключом уже существует"),
        )
    }

    /// 17: an object that cannot be written in the mode of data loading.
    pub(crate) fn load_mode(set: &str) -> Self {
        Self::new(
            400,
            17,
            format!("Режим загрузки данных не поддерживается для \"{set}\""),
        )
    }

    /// The version a client has seen is not the one there is.
    pub(crate) fn precondition() -> Self {
        Self::new(
            412,
            0,
            "Версия данных изменилась: объект был записан другим пользователем",
        )
    }

    /// 19: an HTTP method the resource does not take.
    pub(crate) fn http_method(method: &str) -> Self {
        Self::new(
            405,
            19,
            format!("Метод HTTP {method} не поддерживается для данного ресурса"),
        )
    }

    /// 20: something in the answer the user may not see.
    pub(crate) fn rights() -> Self {
        Self::new(
            401,
            20,
            "Недостаточно прав доступа: у пользователя недостаточно прав на исполнение операции над базой данных.",
        )
    }

    /// An order comparison of references, which the query language does not have.
    pub(crate) fn incomparable() -> Self {
        let text = "{(3, 23)}: Неверные параметры в операции сравнения. Нельзя сравнивать поля неограниченной длины \
                    и поля несовместимых типов.";
        Self::new(500, -1, text)
    }

    /// The server ran out of something.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, -1, message)
    }

    /// The same refusal with a text in English; exceptions of the configuration stay as they are.
    pub(crate) fn english(mut self) -> Self {
        let text = match self.code {
            1 => "Failed to parse value",
            2 => "Bad request format",
            5 => "Required parameter is not specified",
            6 => "Method not found",
            7 => "Key part is not specified",
            9 => "Entity instance not found",
            15 => "Entity instance already exists",
            19 => "HTTP method is not supported",
            20 => "Insufficient access rights",
            _ => return self,
        };
        text.clone_into(&mut self.message);
        self
    }

    /// The JSON body.
    pub(crate) fn json(&self) -> String {
        let value = serde_json::json!({
            "odata.error": { "code": self.code.to_string(), "message": { "lang": "ru", "value": self.message } }
        });
        value.to_string()
    }

    /// The XML body.
    pub(crate) fn xml(&self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<m:error xmlns:m=\"http://schemas.microsoft.com/ado/2007/08/dataservices/metadata\">\n\t<m:code>{}</m:code>\n\t<m:message>{}</m:message>\n</m:error>",
            self.code,
            quick_xml::escape::escape(&self.message)
        )
    }
}
