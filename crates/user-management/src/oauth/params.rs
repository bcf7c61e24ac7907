//! Parameters of a request: a query, or a body of `application/x-www-form-urlencoded`.

use url::form_urlencoded;

/// Names and values in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// The parameters of a query or a form.
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value; one that is empty counts as absent (RFC 6749, section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A parameter that comes twice, which none may (RFC 6749, section 3.1), but `resource`
    /// (RFC 8707, section 2).
    pub(crate) fn repeated(&self) -> Option<&str> {
        let names = self.0.iter().enumerate();
        names
            .filter(|(_, (name, _))| name != "resource")
            .find(|(index, (name, _))| self.0[..*index].iter().any(|(earlier, _)| earlier == name))
            .map(|(_, (name, _))| name.as_str())
    }

    /// The same with another value, or without the parameter.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> Self {
        let mut params = self.0.clone();
        params.retain(|(key, _)| key != name);
        params.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        Self(params)
    }

    /// As a query.
    pub(crate) fn encode(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_absent_and_twice_is_told() {
        let params = Params::parse("state=&scope=a+b&x=%D1%8F&scope=c".as_bytes());
        assert_eq!(params.get("state"), None);
        assert_eq!(params.get("scope"), Some("a b"));
        assert_eq!(params.get("x"), Some("я"));
        assert_eq!(params.repeated(), Some("scope"));
        let once = params.with("scope", Some("d&e")).with("state", None);
        assert_eq!(once.encode(), "x=%D1%8F&scope=d%26e");
        assert_eq!(once.repeated(), None);
        assert_eq!(Params::parse(b"resource=a&resource=b").repeated(), None);
    }
}
