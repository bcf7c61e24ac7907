//! The form of names in which they are looked for.

/// Legal forms say nothing about who is meant.
const LEGAL_FORMS: [&str; 8] = ["ооо", "оао", "зао", "пао", "ао", "ип", "нао", "тоо"];

/// Lower case, ё as е, letters and digits only, single spaces, without legal forms unless nothing
/// else is left.
pub(crate) fn search_name(name: &str) -> String {
    let plain: String = name
        .to_lowercase()
        .chars()
        .map(|c| match c {
            'ё' => 'е',
            c if c.is_alphanumeric() => c,
            _ => ' ',
        })
        .collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let telling: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !LEGAL_FORMS.contains(word))
        .collect();
    if telling.is_empty() { words } else { telling }.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_people_leave_out() {
        for (name, plain) in [
            ("ООО «Ромашка»", "ромашка"),
            ("Ёлкин Пётр ИП", "елкин петр"),
            ("Торговый дом «Северный ветер»", "торговый дом северный ветер"),
            ("Бумага А4 SvetoCopy, 500 л.", "бумага а4 svetocopy 500 л"),
            ("АО", "ао"),
            ("  ", ""),
        ] {
            assert_eq!(search_name(name), plain);
        }
    }
}
