"""Judges the files of files.sh: FOLDER ROWS."""

import csv
import datetime
import glob
import json
import re
import sys
from decimal import Decimal
from pathlib import Path

import openpyxl
from PIL import Image

folder, rows = Path(sys.argv[1]), int(sys.argv[2])
truth = json.loads((folder / "report.json").read_text(encoding="utf-8"))
totals = {key: Decimal(truth["totals"][key]) for key in ("revenue", "cost", "profit")}
assert truth["control"]["rows"] == len(truth["rows"]) == rows
assert {key: Decimal(value) for key, value in truth["control"]["totals"].items()} == totals
sums = {key: sum(Decimal(row[key]) for row in truth["rows"]) for key in totals}
assert sums == totals, (sums, totals)


def russian(text: str) -> Decimal:
    """A figure as people read it."""
    return Decimal(re.sub(r"[\s\u00a0]", "", text).replace("\u2212", "-").replace(",", "."))


# XLSX: formulas with their results, types, print set-up, no formula of somebody else's.
book = openpyxl.load_workbook(folder / "report.xlsx")
shown = openpyxl.load_workbook(folder / "report.xlsx", data_only=True)
sheet, values = book.worksheets[0], shown.worksheets[0]
heading = next(row[0].row for row in sheet.iter_rows() if row[0].value == "Дата")
first, last = heading + 1, heading + rows
total = last + 1
assert sheet.cell(total, 1).value == "Итого"
for column, key in ((4, "revenue"), (5, "cost"), (6, "profit")):
    letter = sheet.cell(total, column).column_letter
    assert sheet.cell(total, column).value == f"=SUBTOTAL(109,{letter}{first}:{letter}{last})"
    assert Decimal(str(values.cell(total, column).value)) == totals[key], key
    summed = sum(Decimal(str(values.cell(row, column).value)) for row in range(first, last + 1))
    assert summed == totals[key], key
    assert "[Red]" in sheet.cell(first, column).number_format and "₽" in sheet.cell(first, column).number_format
assert isinstance(sheet.cell(first, 1).value, datetime.datetime)
foreign = [cell for row in sheet.iter_rows(first, last) for cell in row if cell.data_type == "f"]
assert not foreign, foreign[:3]
assert str(sheet.cell(first + 3, 2).value).startswith("=HYPERLINK") and sheet.cell(first + 3, 2).data_type == "s"
assert sheet.freeze_panes == f"B{first}" or sheet.freeze_panes == f"A{first}", sheet.freeze_panes
assert sheet.auto_filter.ref == f"A{heading}:H{last}"
assert sheet.print_title_rows == f"${heading}:${heading}"
assert sheet.page_setup.paperSize == 9 and sheet.page_setup.fitToHeight == 0
assert sheet.oddFooter.right.text == "Стр. &P из &N"
assert book.worksheets[1]._charts, "a native chart"
about = {row[0].value: row[1].value for row in shown.worksheets[2].iter_rows()}
assert about["Строк"] == rows and Decimal(str(about["Выручка"])) == totals["revenue"]

# CSV as a Russian Excel opens it.
text = (folder / "report.csv").read_bytes()
assert text.startswith(b"\xef\xbb\xbf") and text.count(b"\r\n") == rows + 3
lines = list(csv.reader(text.decode("utf-8-sig").splitlines(), delimiter=";"))
assert russian(lines[-2][3]) == totals["revenue"] and lines[-1] == [f"Строк: {rows:,}".replace(",", "\u00a0")]
assert lines[4][1].startswith("'=HYPERLINK")

# PDF: the text, the fonts, the pixels.
text = (folder / "report.txt").read_text(encoding="utf-8")
pages = text.split("\f")[:-1]
for number, page in enumerate(pages, 1):
    assert f"Стр. {number} из {len(pages)}" in page
    assert number == len(pages) or "Покупатель" in page, "headings on each page"
line = next(line for line in text.splitlines() if line.strip().startswith("Итого"))
found = [russian(part) for part in re.findall(r"[\u2212]?\d{1,3}(?:[\u00a0 ]\d{3})*,\d\d", line)]
assert found == [totals["revenue"], totals["cost"], totals["profit"]], (line, found)
days = sum(1 for line in text.splitlines() if re.match(r"\s*\d\d\.\d\d\.\d{4} ", line))
assert days == rows, days
fonts = [line.split() for line in (folder / "fonts.txt").read_text().splitlines()[2:]]
assert {font[0].split("+")[-1] for font in fonts} == {"PTSans-Bold", "PTSans-Regular"}, fonts
assert all(font[-5:-2] == ["yes", "yes", "yes"] for font in fonts), "embedded, subset, with a map to Unicode"
page = Image.open(sorted(glob.glob(str(folder / "page*.png")))[0]).convert("RGB")
width, height = page.size
dark = sum(1 for pixel in page.crop((0, 0, width, height // 12)).getdata() if max(pixel) < 110)
assert dark > 300, f"the title is to be seen: {dark} dark pixels"
red = sum(1 for r, g, b in page.getdata() if r > 150 and g < 90 and b < 90)
assert red > 200, f"negative figures are red: {red} pixels"

html = (folder / "report.html").read_text(encoding="utf-8")
assert html.count("<tr>") == rows + 2 and "<script" not in html
print(f"files: {rows} rows, totals {totals['revenue']}, {totals['cost']}, {totals['profit']} in all formats; {len(pages)} pages")
