#!/usr/bin/env bash
# Report files opened by programs that are not ours: openpyxl reads the workbook, poppler the document.
# The totals have to be the same in all formats, and the page has to show the letters that its text has.
# Needs Python 3, poppler (pdftotext, pdftoppm, pdffonts) and, the first time, the package index.
#
# Usage: crates/analytics/tests/external/files.sh [ROWS]
#   VENV   where the packages go (default: report-files-venv in cargo's target directory)
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/analytics/tests/external
rows=${1:-1234}
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
venv=${VENV:-$target/report-files-venv}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! [ -x "$venv/bin/python" ] || ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi
cargo build --quiet -p analytics --example report_files
for format in xlsx pdf csv html json; do
    "$target/debug/examples/report_files" "$format" "$rows" "$work/report.$format"
done
pdftotext -layout "$work/report.pdf" "$work/report.txt"
pdffonts "$work/report.pdf" >"$work/fonts.txt"
pdftoppm -r 100 -f 1 -l 1 -png "$work/report.pdf" "$work/page"
"$venv/bin/python" "$here/files.py" "$work" "$rows"
