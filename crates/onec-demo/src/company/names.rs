//! Names of people, firms, streets and cities to build counterparties from.

use super::rng::Rng;

/// Head offices: city, region code of registration numbers, telephone code.
pub(crate) const CITIES: [(&str, &str, &str); 12] = [
    ("г. Москва", "77", "495"),
    ("г. Санкт-Петербург", "78", "812"),
    ("г. Казань", "16", "843"),
    ("г. Нижний Новгород", "52", "831"),
    ("г. Воронеж", "36", "473"),
    ("г. Самара", "63", "846"),
    ("г. Екатеринбург", "66", "343"),
    ("г. Тула", "71", "487"),
    ("г. Ярославль", "76", "485"),
    ("г. Рязань", "62", "491"),
    ("г. Пермь", "59", "342"),
    ("г. Подольск", "50", "496"),
];

const STREETS: [&str; 14] = [
    "ул. Ленина",
    "ул. Гагарина",
    "пр-т Мира",
    "ул. Советская",
    "ул. Заводская",
    "ул. Садовая",
    "ул. Промышленная",
    "ш. Энтузиастов",
    "ул. Лесная",
    "ул. Строителей",
    "пер. Речной",
    "ул. Победы",
    "наб. Речная",
    "ул. Кирова",
];

const ROOTS: [&str; 48] = [
    "Альфа",
    "Вектор",
    "Гранит",
    "Заря",
    "Меридиан",
    "Орион",
    "Парус",
    "Рубин",
    "Сатурн",
    "Титан",
    "Фаворит",
    "Атлант",
    "Балтика",
    "Велес",
    "Горизонт",
    "Дельта",
    "Енисей",
    "Звезда",
    "Импульс",
    "Каскад",
    "Лидер",
    "Магистраль",
    "Нева",
    "Олимп",
    "Прогресс",
    "Ресурс",
    "Спектр",
    "Триумф",
    "Урал",
    "Феникс",
    "Центр",
    "Эверест",
    "Янтарь",
    "Аврора",
    "Бастион",
    "Волга",
    "Град",
    "Диалог",
    "Контакт",
    "Кристалл",
    "Маяк",
    "Новатор",
    "Онега",
    "Полюс",
    "Радуга",
    "Север",
    "Форум",
    "Эталон",
];

const TAILS: [&str; 16] = [
    "Сервис",
    "Трейд",
    "Строй",
    "Торг",
    "Плюс",
    "Снаб",
    "Групп",
    "Маркет",
    "Комплект",
    "Инвест",
    "Проект",
    "Логистик",
    "Опт",
    "Монтаж",
    "Техно",
    "Пром",
];

const SURNAMES: [&str; 30] = [
    "Смирнов",
    "Иванов",
    "Кузнецов",
    "Соколов",
    "Попов",
    "Лебедев",
    "Козлов",
    "Новиков",
    "Морозов",
    "Петров",
    "Волков",
    "Соловьев",
    "Васильев",
    "Зайцев",
    "Павлов",
    "Семенов",
    "Голубев",
    "Виноградов",
    "Богданов",
    "Воробьев",
    "Федоров",
    "Михайлов",
    "Беляев",
    "Тарасов",
    "Белов",
    "Комаров",
    "Орлов",
    "Киселев",
    "Макаров",
    "Андреев",
];

const FORENAMES: [(&str, &str); 12] = [
    ("Алексей", "Сергеевич"),
    ("Дмитрий", "Иванович"),
    ("Сергей", "Петрович"),
    ("Андрей", "Николаевич"),
    ("Михаил", "Викторович"),
    ("Илья", "Андреевич"),
    ("Павел", "Олегович"),
    ("Николай", "Юрьевич"),
    ("Олег", "Борисович"),
    ("Виктор", "Павлович"),
    ("Роман", "Игоревич"),
    ("Артем", "Алексеевич"),
];

/// Managers of the company.
pub(crate) const MANAGERS: [&str; 8] = [
    "Алексеева Ольга Викторовна",
    "Борисов Игорь Петрович",
    "Власова Марина Сергеевна",
    "Громов Антон Дмитриевич",
    "Денисова Елена Павловна",
    "Ершов Максим Олегович",
    "Жукова Светлана Андреевна",
    "Климов Вадим Николаевич",
];

/// Banks of the company's accounts.
pub(crate) const BANKS: [&str; 3] = [
    "АО «Первый Речной Банк»",
    "ПАО «Северный Кредит»",
    "АО «Банк Меридиан»",
];

/// A firm's name: the `number`-th combination, never the same twice.
pub(crate) fn firm(number: usize) -> String {
    let root = ROOTS[number * 7 % ROOTS.len()];
    let tail = TAILS[(number / ROOTS.len() + number * 5) % TAILS.len()];
    let round = number / (ROOTS.len() * TAILS.len());
    if round == 0 {
        format!("{root}{tail}")
    } else {
        format!("{root}{tail}-{}", round + 1)
    }
}

/// A person's surname, forename and patronymic: the `number`-th combination.
pub(crate) fn person(number: usize) -> String {
    let surname = SURNAMES[number * 7 % SURNAMES.len()];
    let (forename, patronymic) = FORENAMES[(number / SURNAMES.len() + number * 5) % FORENAMES.len()];
    let round = number / (SURNAMES.len() * FORENAMES.len());
    let tail = if round == 0 {
        String::new()
    } else {
        format!(" ({})", round + 1)
    };
    format!("{surname} {forename} {patronymic}{tail}")
}

/// A street address in `city`.
pub(crate) fn address(rng: &mut Rng, city: &str) -> String {
    let street = rng.pick(&STREETS);
    format!(
        "{city}, {street}, д. {}, оф. {}",
        rng.range(1, 120),
        rng.range(1, 400)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_do_not_repeat() {
        let firms: HashSet<String> = (0..4000).map(firm).collect();
        assert_eq!(firms.len(), 4000);
        let people: HashSet<String> = (0..1000).map(person).collect();
        assert_eq!(people.len(), 1000);
    }
}
