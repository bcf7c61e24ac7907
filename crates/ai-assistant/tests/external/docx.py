"""Opens a DOCX that `POST /generate` made with python-docx, which is not ours, and shows what it holds.

    python3 -m venv venv && venv/bin/pip install python-docx
    venv/bin/python crates/ai-assistant/tests/external/docx.py letter.docx

Ends with 1 when the document has no text.
"""

import sys

import docx

document = docx.Document(sys.argv[1])
print("title:", document.core_properties.title)
section = document.sections[0]
print(f"page: {section.page_width.mm:.0f} x {section.page_height.mm:.0f} mm, left margin {section.left_margin.mm:.0f} mm")
for paragraph in document.paragraphs:
    if paragraph.text.strip():
        bold = " bold" if any(run.bold for run in paragraph.runs) else ""
        print(f"[{paragraph.style.name}{bold}] {paragraph.text!r}")
for table in document.tables:
    for row in table.rows:
        print(" | ".join(cell.text for cell in row.cells))
sys.exit(0 if any(paragraph.text.strip() for paragraph in document.paragraphs) else 1)
