//! The timeline as comma-separated values, one row per second.

use std::io::{self, Write};

use super::Report;

/// Writes the timeline.
pub(crate) fn write_csv(report: &Report, to: &mut impl Write) -> io::Result<()> {
    writeln!(
        to,
        "second,scheduled,sent,dropped,errors,answered,p50_us,p90_us,p99_us,max_us,send_lag_p99_us"
    )?;
    for row in &report.timeline {
        let cell = &row.cell;
        writeln!(
            to,
            "{},{},{},{},{},{},{:.1},{:.1},{:.1},{:.1},{:.1}",
            row.second,
            cell.scheduled,
            cell.sent,
            cell.dropped,
            cell.errors,
            cell.answered,
            row.p50_us,
            row.p90_us,
            row.p99_us,
            row.max_us,
            cell.send_lag_p99_us
        )?;
    }
    Ok(())
}
