//! Damaged files and archives: whatever comes, the reader ends with records or an error, and never panics.

use bytes::Bytes;
use futures_util::StreamExt as _;
use onec_demo::commerceml::{ExportFile, archive};

use super::feed::Source;
use super::files::Blob;
use super::reader::{ReadError, Records};
use super::records::Record;
use super::zip;

const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<КоммерческаяИнформация xmlns="urn:1C.ru:commerceml_2" ВерсияСхемы="2.07">
<Классификатор><Ид>к</Ид>
<Группы><Группа><Ид>г1</Ид><Наименование>Обувь</Наименование>
<Группы><Группа><Ид>г2</Ид><Наименование>Женская &amp; детская</Наименование></Группа></Группы></Группа></Группы>
<Свойства><Свойство><Ид>св1</Ид><Наименование>Цвет</Наименование><ВариантыЗначений>
<Справочник><ИдЗначения>з1</ИдЗначения><Значение>Красный</Значение></Справочник></ВариантыЗначений></Свойство></Свойства>
<ЕдиницыИзмерения><ЕдиницаИзмерения><Код>796</Код><НаименованиеКраткое>шт</НаименованиеКраткое></ЕдиницаИзмерения></ЕдиницыИзмерения>
</Классификатор>
<Каталог СодержитТолькоИзменения="false"><Ид>к</Ид><Товары>
<Товар Статус="Новый"><Ид>т1</Ид><Артикул>А-1</Артикул><Наименование><![CDATA[Туфли <летние>]]></Наименование>
<БазоваяЕдиница Код="715" НаименованиеПолное="Пара">пар</БазоваяЕдиница><Группы><Ид>г2</Ид></Группы>
<ЗначенияСвойств><ЗначенияСвойства><Ид>св1</Ид><Значение>з1</Значение></ЗначенияСвойства></ЗначенияСвойств>
<ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>Вид</Наименование><Значение>Товар</Значение></ЗначениеРеквизита></ЗначенияРеквизитов>
</Товар><Товар Статус="Удален"><Ид>т2</Ид></Товар></Товары></Каталог>
<ПакетПредложений СодержитТолькоИзменения="true"><ТипыЦен><ТипЦены><Ид>ц1</Ид><Наименование>Розница</Наименование>
<Валюта>RUB</Валюта><Налог><УчтеноВСумме>true</УчтеноВСумме></Налог></ТипЦены></ТипыЦен>
<Склады><Склад><Ид>с1</Ид><Наименование>Основной</Наименование></Склад></Склады>
<Предложения><Предложение><Ид>т1#х1</Ид><Наименование>Туфли (38)</Наименование>
<Цены><Цена><ИдТипаЦены>ц1</ИдТипаЦены><ЦенаЗаЕдиницу>1 200,50</ЦенаЗаЕдиницу><Валюта>RUB</Валюта></Цена></Цены>
<Количество>3</Количество><Склад ИдСклада="с1" КоличествоНаСкладе="3"/></Предложение>
<Предложение><Ид>т3</Ид><Остатки><Остаток><Склад><Ид>с1</Ид><Количество>-2.5</Количество></Склад></Остаток></Остатки></Предложение>
</Предложения></ПакетПредложений></КоммерческаяИнформация>"#;

/// What is put in at random places.
const TOKENS: [&str; 14] = [
    "<",
    ">",
    "/>",
    "</Группа>",
    "<Группы>",
    "<Группа>",
    "<Товар>",
    "</КоммерческаяИнформация>",
    "<![CDATA[",
    "<!--",
    "<!DOCTYPE a>",
    "&#0;",
    "&lt",
    "\u{0}",
];

/// Numbers that are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % most.max(1)
    }

    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = (at + self.below(60)).min(bytes.len());
            match self.below(5) {
                0 => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
                1 => drop(bytes.drain(at..end)),
                2 => bytes.truncate(at),
                3 => {
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(bytes.len());
                    bytes.splice(to..to, copy);
                }
                _ => {
                    let token = TOKENS[self.below(TOKENS.len())];
                    bytes.splice(at..at, token.bytes());
                }
            }
        }
    }
}

fn source(bytes: &[u8], part: usize) -> Source {
    let parts: Vec<_> = bytes
        .chunks(part.max(1))
        .map(|part| Ok(Bytes::copy_from_slice(part)))
        .collect();
    Box::pin(futures_util::stream::iter(parts))
}

async fn read(source: Source) -> Result<Vec<Record>, ReadError> {
    let mut records = Records::new(source);
    let mut found = Vec::new();
    while let Some(record) = records.next().await? {
        found.push(record);
    }
    Ok(found)
}

#[tokio::test]
async fn a_whole_file_is_read_the_same_in_whatever_parts_it_comes() {
    let whole = read(source(FILE.as_bytes(), FILE.len())).await.unwrap();
    // Two groups, property, unit, catalogue, two items, offers, type of prices, warehouse, two offers.
    assert_eq!(whole.len(), 12, "{whole:?}");
    for part in [1, 2, 7, 256, 1000] {
        assert_eq!(
            read(source(FILE.as_bytes(), part)).await.unwrap(),
            whole,
            "parts of {part}"
        );
    }
    let old = FILE.replace("UTF-8", "windows-1251");
    let (old, _, _) = encoding_rs::WINDOWS_1251.encode(&old);
    assert_eq!(read(source(&old, 100)).await.unwrap(), whole);
}

#[tokio::test]
async fn damaged_files_end_without_a_panic() {
    let mut random = Random(0x5eed);
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..4000 {
        let mut bytes = FILE.as_bytes().to_vec();
        random.damage(&mut bytes);
        let part = 1 + random.below(700);
        match read(source(&bytes, part)).await {
            Ok(_) => read_well += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read_well > 20 && refused > 1000, "{read_well} {refused}");
}

#[tokio::test]
async fn damaged_archives_end_without_a_panic() {
    let file = ExportFile {
        name: "import.xml".to_owned(),
        bytes: FILE.into(),
    };
    let good = archive(&[file]).unwrap();
    let mut random = Random(0xa5c4);
    let (mut read_well, mut refused) = (0, 0);
    for _ in 0..4000 {
        let mut bytes = good.clone();
        random.damage(&mut bytes);
        let blob = Blob::Memory(bytes.into(), 1 + random.below(300));
        let unpacked = async {
            let members = zip::members(&blob).await?;
            let member = zip::find(&members, "import.xml").cloned();
            zip::unpack(blob.clone(), member.ok_or(zip::ZipError::Damaged)?).await
        };
        let outcome = match unpacked.await {
            Ok(source) => read(source).await.is_ok(),
            Err(_) => false,
        };
        if outcome {
            read_well += 1;
        } else {
            refused += 1;
        }
    }
    // What is read in spite of damage has the right sum of control.
    assert!(refused > 3000, "{read_well} {refused}");
    let blob = Blob::Memory(good.into(), 100);
    let members = zip::members(&blob).await.unwrap();
    let mut source = zip::unpack(blob, members[0].clone()).await.unwrap();
    let mut text = Vec::new();
    while let Some(part) = source.next().await {
        text.extend_from_slice(&part.unwrap());
    }
    assert_eq!(text, FILE.as_bytes());
}
