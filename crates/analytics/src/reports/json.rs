//! The table as JSON: as reports answer, with all of the rows and what tells that they are all.

use common::BoxError;

use super::rows::Rows;
use super::sheet::Sheet;

/// Writes what the table is, then `rows`, then `control`.
pub(super) fn render(sheet: &Sheet, rows: &mut Rows<'_>) -> Result<Vec<u8>, BoxError> {
    let mut out = serde_json::to_vec(sheet)?;
    // The closing brace of the table.
    out.pop();
    out.extend_from_slice(b",\"rows\":[");
    let mut first = true;
    rows.write(|row| {
        if !first {
            out.push(b',');
        }
        first = false;
        serde_json::to_writer(&mut out, row)?;
        Ok(())
    })?;
    out.extend_from_slice(b"],\"control\":");
    serde_json::to_writer(&mut out, &rows.control())?;
    out.push(b'}');
    Ok(out)
}
