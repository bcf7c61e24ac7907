//! Rows in the binary format of `COPY`, the fastest way into a table: PostgreSQL takes references and
//! sums as they are, instead of reading them from text. Columns have to be given in the order
//! and in exactly the types of the table.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Bytes that are sent at once.
const CHUNK: usize = 256 * 1024;
/// Begins the format: signature, flags and the length of an extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Ends it.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
/// PostgreSQL counts time from here.
const EPOCH: NaiveDateTime = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(day) => day.and_time(NaiveTime::MIN),
    None => NaiveDateTime::MIN,
};

/// Rows on their way into a table.
#[derive(Debug, Default)]
pub(super) struct CopyRows {
    bytes: Vec<u8>,
    /// Where the row at work began, and how many columns it has.
    row: usize,
    columns: i16,
}

impl CopyRows {
    /// A value by its bytes.
    fn value(&mut self, value: &[u8]) -> &mut Self {
        self.length(value.len());
        self.bytes.extend_from_slice(value);
        self
    }

    /// Begins a value of so many bytes.
    fn length(&mut self, length: usize) {
        self.begin_column();
        // No value of ours is as long as that; an answer of 1C is limited before.
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
    }

    fn null(&mut self) -> &mut Self {
        self.begin_column();
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    fn begin_column(&mut self) {
        if self.columns == 0 {
            if self.bytes.is_empty() {
                self.bytes.extend_from_slice(HEADER);
            }
            self.row = self.bytes.len();
            self.bytes.extend_from_slice(&[0, 0]);
        }
        self.columns += 1;
    }

    /// A `uuid`; null for none.
    pub(super) fn uuid(&mut self, value: Option<Uuid>) -> &mut Self {
        match value {
            Some(value) => self.value(value.as_bytes()),
            None => self.null(),
        }
    }

    /// A `boolean`.
    pub(super) fn boolean(&mut self, value: bool) -> &mut Self {
        self.value(&[u8::from(value)])
    }

    /// A `smallint`.
    pub(super) fn small(&mut self, value: i16) -> &mut Self {
        self.value(&value.to_be_bytes())
    }

    /// An `integer`.
    pub(super) fn integer(&mut self, value: i32) -> &mut Self {
        self.value(&value.to_be_bytes())
    }

    /// A `timestamp`.
    pub(super) fn moment(&mut self, value: NaiveDateTime) -> &mut Self {
        // 1C's years of four digits are far from the end of these numbers.
        let microseconds = (value - EPOCH).num_microseconds().unwrap_or(i64::MAX);
        self.value(&microseconds.to_be_bytes())
    }

    /// A `numeric`; null for none.
    pub(super) fn decimal(&mut self, value: Option<Decimal>) -> &mut Self {
        let Some(value) = value else {
            return self.null();
        };
        // Four decimal digits to a place, from the last to the first; the places after the point are
        // filled up with zeros.
        let scale = value.scale();
        let mut rest = value.mantissa().unsigned_abs() * 10_u128.pow((4 - scale % 4) % 4);
        let mut places = [0_i16; 10];
        let mut count = 0;
        while rest > 0 {
            places[count] = i16::try_from(rest % 10_000).unwrap_or(0);
            rest /= 10_000;
            count += 1;
        }
        let fraction = usize::try_from(scale.div_ceil(4)).unwrap_or(0);
        let empty = places[..count].iter().take_while(|place| **place == 0).count();
        let digits = count - empty;
        let small = |number: usize| i16::try_from(number).unwrap_or(0);
        let weight = if digits == 0 {
            0
        } else {
            small(count) - small(fraction) - 1
        };
        let sign: i16 = if value.is_sign_negative() && digits > 0 {
            0x4000
        } else {
            0
        };
        self.length(8 + 2 * digits);
        for number in [small(digits), weight, sign, small(scale as usize)] {
            self.bytes.extend_from_slice(&number.to_be_bytes());
        }
        for place in places[empty..count].iter().rev() {
            self.bytes.extend_from_slice(&place.to_be_bytes());
        }
        self
    }

    /// A `text`; PostgreSQL has no place for the character 0.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        if value.contains('\0') {
            self.value(value.replace('\0', "").as_bytes())
        } else {
            self.value(value.as_bytes())
        }
    }

    /// A `jsonb`, by its text.
    pub(super) fn json(&mut self, value: &str) -> &mut Self {
        self.length(value.len() + 1);
        // The version of the format.
        self.bytes.push(1);
        self.bytes.extend_from_slice(value.as_bytes());
        self
    }

    pub(super) fn end_row(&mut self) {
        let columns = std::mem::take(&mut self.columns).to_be_bytes();
        if let Some(count) = self.bytes.get_mut(self.row..self.row + columns.len()) {
            count.copy_from_slice(&columns);
        }
    }

    /// Copies the rows by a statement that reads the binary format from standard input.
    pub(super) async fn send(
        mut self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> Result<u64, StoreError> {
        if self.bytes.is_empty() {
            return Ok(0);
        }
        self.bytes.extend_from_slice(&TRAILER);
        let mut copy = connection.copy_in_raw(statement).await.store("copy_begin")?;
        for chunk in self.bytes.chunks(CHUNK) {
            copy.send(chunk).await.store("copy_send")?;
        }
        copy.finish().await.store("copy_end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    /// What was written after the header and the number of columns.
    fn written(copy: &CopyRows) -> &[u8] {
        &copy.bytes[HEADER.len() + 2..]
    }

    #[test]
    fn a_row_knows_how_many_columns_it_has() {
        let mut copy = CopyRows::default();
        for _ in 0..2 {
            copy.integer(7).text("a\0b").uuid(None).boolean(true);
            copy.end_row();
        }
        let row = b"\0\x04\0\0\0\x04\0\0\0\x07\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\x01\x01";
        assert_eq!(copy.bytes, [HEADER, row, row].concat());
    }

    #[test]
    fn moments_are_microseconds_since_2000() {
        let mut copy = CopyRows::default();
        copy.moment("1999-12-31T23:59:59".parse().unwrap());
        assert_eq!(
            written(&copy),
            [&8_i32.to_be_bytes()[..], &(-1_000_000_i64).to_be_bytes()].concat()
        );
    }

    #[test]
    fn sums_are_places_of_four_digits() {
        let cases: [(Decimal, &[i16]); 8] = [
            (dec!(0), &[0, 0, 0, 0]),
            (dec!(-0.00), &[0, 0, 0, 2]),
            (dec!(1), &[1, 0, 0, 0, 1]),
            (dec!(-12345.67), &[3, 1, 0x4000, 2, 1, 2345, 6700]),
            (dec!(0.01), &[1, -1, 0, 2, 100]),
            (dec!(0.00001), &[1, -2, 0, 5, 1000]),
            (dec!(100000000.00), &[1, 2, 0, 2, 1]),
            (
                Decimal::MAX,
                &[8, 7, 0, 0, 7, 9228, 1625, 1426, 4337, 5935, 4395, 335],
            ),
        ];
        for (number, numbers) in cases {
            let mut copy = CopyRows::default();
            copy.decimal(Some(number));
            let mut expected = i32::try_from(2 * numbers.len()).unwrap().to_be_bytes().to_vec();
            expected.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
            assert_eq!(written(&copy), expected, "{number}");
        }
    }
}
