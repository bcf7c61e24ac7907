"""Writes texts with names, and judges what masking left of them. See masking.sh."""

import json
import pathlib
import random
import re
import sys

import pymorphy3

# What has to be hidden at least, in percent.
LIMITS = {"known": 97.0, "unknown": 85.0, "numbers": 99.0, "natasha": 90.0}

KNOWN_PEOPLE = [
    "Кузнецова Мария Игоревна", "Волков Дмитрий Сергеевич", "Гришин Павел Олегович", "Тарасенко Ольга Викторовна",
    "Чижова Елена Андреевна", "Достоевский Фёдор Ильич", "Абрамян Карен Ашотович", "Лебедь Анна Юрьевна",
    "Сидорчук Игорь Петрович", "Нуриева Алсу Рамилевна",
]
UNKNOWN_PEOPLE = [
    "Поликарпов Евгений Львович", "Зайцева Татьяна Борисовна", "Мирзоян Тигран Арменович", "Шевчук Оксана Ивановна",
    "Рыжов Артём Кириллович", "Белинская Софья Марковна", "Ткаченко Роман Андреевич", "Юсупов Марат Ильдарович",
    "Голубева Вера Николаевна", "Соболев Лев Данилович",
]
KNOWN_ORGS = [
    ("ООО", "Ромашка"), ("АО", "Вектор Плюс"), ("ООО", "Северный ветер"), ("ПАО", "Уралмашсервис"),
    ("ООО", "Торговый дом Гранит"), ("ООО", "Лазурь"), ("ЗАО", "Бетонстрой"), ("ООО", "Золотой колос"),
    ("ООО", "Хлебокомбинат Заря"), ("АО", "Метизный завод Прогресс"), ("ООО", "Альянс Логистик"), ("ООО", "Мебельград"),
]
UNKNOWN_ORGS = [
    ("ООО", "Кристалл"), ("АО", "Приморские перевозки"), ("ООО", "Дельта Трейд"), ("ПАО", "Волгаэнерго"),
    ("ООО", "Сибирский кедр"), ("ООО", "Стройинвест"), ("ЗАО", "Технопарк Исток"), ("ООО", "Аквамарин"),
]
# {p:case} is a person in full, {s:case} a surname with initials, {n:case} a surname alone behind an office, {o:case}
# an organisation with its form in quotes, {b:case} a bare name of an organisation that is in the catalogues.
TEMPLATES = [
    "Сколько нам должно {o:nomn}?", "Покажи долг {b:gent} на конец месяца.", "Выставь счёт {b:datv}, пожалуйста.",
    "когда {b:nomn} последний раз платил?", "Позвоните {p:datv} по телефону {phone}, это срочно.",
    "Договор с {o:ablt} подписала {p:nomn}, ИНН {inn}.", "Акт сверки отправлен {s:datv} на {email}.",
    "По данным менеджера {n:gent}, отгрузка для {b:gent} задержана.", "Просим {p:accs} подтвердить остаток.",
    "{p:nomn} просит скидку для {o:gent}.", "Платёж от {o:gent} на 125 000,50 ₽ не найден, р/с {account}, БИК {bic}.",
    "Кто ведёт {b:accs}? Кажется, {s:nomn}.", "Сравни продажи {b:gent} и {b:gent} за квартал.",
    "В письме {p:gent} указан адрес {email}.", "Переведите подотчётные {s:datv}, СНИЛС {snils}.",
    "Реквизиты: {o:nomn}, ИНН {inn}, КПП {kpp}, ОГРН {ogrn}.", "У {b:gent} просрочка 45 дней.",
    "Менеджер {n:nomn} закрыл сделку с {o:ablt}.", "Напомни про долг {o:gent} директору {n:datv}.",
    "Мы должны {b:datv} больше, чем {b:datv}?",
]

morph = pymorphy3.MorphAnalyzer(lang="ru")
random.seed(20261127)


def inflected(word, case, gender=None, surname=False):
    parses = morph.parse(word.lower())
    if surname:
        parses = [p for p in parses if "Surn" in p.tag] or parses
    if gender:
        parses = [p for p in parses if gender in p.tag] or parses
    parses = [p for p in parses if "nomn" in p.tag and ("plur" not in p.tag or word.endswith(("и", "ы")))] or parses
    form = parses[0].inflect({case})
    text = form.word if form else word.lower()
    return "-".join(part.capitalize() for part in text.split("-"))


def person(name, case):
    last, first, middle = name.split()
    gender = "femn" if middle.endswith("на") else "masc"
    return " ".join([
        inflected(last, case, gender, surname=True), inflected(first, case, gender), inflected(middle, case, gender),
    ])


def bare(name, case):
    words = name.split()
    if len(words) == 1:
        return inflected(words[0], case)
    # An adjective before its noun goes with it; what follows a noun stays.
    out, noun = [], False
    for word in words:
        parse = morph.parse(word.lower())[0]
        if noun or parse.tag.POS not in ("NOUN", "ADJF"):
            out.append(word)
            continue
        gender = None
        if parse.tag.POS == "ADJF":
            gender = parse.tag.gender
        out.append(inflected(word, case, gender) if not out else inflected(word, case, gender).lower())
        noun = parse.tag.POS == "NOUN"
    return " ".join(out)


def digits(count):
    return "".join(random.choice("0123456789") for _ in range(count))


def inn():
    d = [random.randint(1, 9)] + [random.randint(0, 9) for _ in range(8)]
    d.append(sum(a * b for a, b in zip(d, [2, 4, 10, 3, 5, 9, 4, 6, 8])) % 11 % 10)
    return "".join(map(str, d))


def ogrn():
    body = "1" + digits(11)
    return body + str(int(body) % 11 % 10)


def snils():
    body = "1" + digits(8)
    check = sum(int(c) * w for c, w in zip(body, range(9, 0, -1))) % 101 % 100
    return f"{body[:3]}-{body[3:6]}-{body[6:]} {check:02}"


NUMBERS = {
    "phone": lambda: random.choice(["+7 (9{0}) {1}-{2}-{3}", "8 9{0} {1} {2} {3}", "89{0}{1}{2}{3}"]).format(
        digits(2), digits(3), digits(2), digits(2)),
    "email": lambda: random.choice(["buh", "info", "m.petrov", "zakaz"]) + digits(2) + "@firma-" + digits(3) + ".ru",
    "inn": inn, "kpp": lambda: "77" + digits(2) + "01" + digits(3), "ogrn": ogrn, "snils": snils,
    "account": lambda: "40702810" + digits(12), "bic": lambda: "0445" + digits(5),
}


def one(template, known):
    people = KNOWN_PEOPLE if known else UNKNOWN_PEOPLE
    orgs = KNOWN_ORGS if known else UNKNOWN_ORGS
    truth = []

    def fill(match):
        what, _, case = match.group(1).partition(":")
        if what in NUMBERS:
            text = NUMBERS[what]()
            truth.append(("numbers", text))
            return text
        side = "known" if known else "unknown"
        if what in "psn":
            name = random.choice(people)
            full = person(name, case)
            last, first, middle = full.split()
            parts = name.split()
            text = {"p": random.choice([full, f"{first} {middle} {last}"]), "s": f"{last} {parts[1][0]}. {parts[2][0]}.",
                    "n": last}[what]
            truth.append((side, last))
            return text
        form, name = random.choice(orgs if what == "o" else KNOWN_ORGS)
        if what == "o":
            truth.append((side, name))
            return f"{form} «{name}»"
        text = bare(name, case)
        truth.append(("known", text))
        return text.lower() if random.random() < 0.25 else text

    return {"text": re.sub(r"\{([^}]+)\}", fill, template), "truth": truth}


def write(folder):
    cases = [one(template, known) for template in TEMPLATES for known in (True, False) for _ in range(10)]
    names = [{"kind": "manager", "name": name, "person": True} for name in KNOWN_PEOPLE]
    names += [{"kind": "counterparty", "name": f"{name} {form}", "full_name": f"{form} «{name}»", "person": False}
              for form, name in KNOWN_ORGS]
    (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False))
    (folder / "names.json").write_text(json.dumps(names, ensure_ascii=False))
    (folder / "texts.json").write_text(json.dumps([case["text"] for case in cases], ensure_ascii=False))


def judge(folder):
    from natasha import Doc, NewsEmbedding, NewsNERTagger, Segmenter

    cases = json.loads((folder / "cases.json").read_text())
    masked = json.loads((folder / "masked.json").read_text())
    assert len(cases) == len(masked)
    segmenter, tagger = Segmenter(), NewsNERTagger(NewsEmbedding())
    found = {name: [0, 0] for name in LIMITS}
    missed, spare = [], []
    for case, sent in zip(cases, masked):
        low = sent.lower()
        for side, text in case["truth"]:
            found[side][1] += 1
            if text.lower() in low:
                missed.append((side, text, case["text"], sent))
            else:
                found[side][0] += 1
        doc = Doc(case["text"])
        doc.segment(segmenter)
        doc.tag_ner(tagger)
        for span in doc.spans:
            # Natasha takes words such as ИНН for organisations.
            if span.type not in ("PER", "ORG") or span.text.isupper():
                continue
            found["natasha"][1] += 1
            if span.text.lower() in low:
                missed.append(("natasha", f"{span.type} {span.text}", case["text"], sent))
            else:
                found["natasha"][0] += 1
        tokens = len(re.findall(r"\[[A-Z]+-\d+\]", sent))
        if tokens > len(case["truth"]):
            spare.append((case["text"], sent))
    wrong = False
    for name, (hidden, all_) in found.items():
        share = 100 * hidden / max(all_, 1)
        wrong |= share < LIMITS[name]
        print(f"{name:8} {hidden:4} of {all_:4} hidden = {share:5.1f} %  (at least {LIMITS[name]} %)")
    print(f"more tokens than names in {len(spare)} of {len(cases)} texts")
    for row in missed[:25]:
        print("  missed", *row, sep=" | ")
    for row in spare[:10]:
        print("  spare", *row, sep=" | ")
    sys.exit(wrong)


if __name__ == "__main__":
    {"write": write, "judge": judge}[sys.argv[1]](pathlib.Path(sys.argv[2]))
