//! The document as tables, for people and for docs/BENCHMARKS.md.

use std::fmt::Write;

use crate::{
    bars::{Bar, figure},
    document::Document,
    floor::Floor,
    row::Row,
    runs::{Judged, Run},
    spread::Spread,
};

/// Between which comments of a page tables stand.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Marks {
    /// Those of one run.
    OfBench,
    /// Those of several.
    OfRuns,
}

impl Marks {
    fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::OfBench => ("<!-- bench: begin -->\n", "<!-- bench: end -->"),
            Self::OfRuns => ("<!-- runs: begin -->\n", "<!-- runs: end -->"),
        }
    }
}

/// A page with these tables between its marks; none where it has no marks.
pub(crate) fn replaced(page: &str, marks: Marks, tables: &str) -> Option<String> {
    let (begin, end) = marks.pair();
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{tables}\n{end}{after}"))
}

/// What several runs say together.
pub(crate) fn account(runs: &[Run], judged: &[Judged]) -> String {
    let commits: Vec<&str> = runs
        .iter()
        .map(|run| run.commit.as_deref().unwrap_or("unknown"))
        .collect();
    let mut out = format!(
        "Commits `{}`, in the order of the runs.\n",
        commits.join("`, `")
    );
    let mut header = vec!["what".to_owned()];
    header.extend((1..=runs.len()).map(|run| format!("run {run}")));
    header.extend(["median", "as measured", "at least", "aim", ""].map(str::to_owned));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = judged.iter().map(|Judged { bar, each }| {
        let mut row = vec![bar.what.clone()];
        row.extend(each.iter().map(|figure| maybe(*figure)));
        row.extend([
            format!("{} {}", maybe(bar.measured), bar.unit),
            bar.raw.map(figure).unwrap_or_default(),
            bar.limit(bar.bar),
            bar.aim.map(|aim| bar.limit(aim)).unwrap_or_default(),
            bar.verdict().to_owned(),
        ]);
        row
    });
    table(&mut out, &header, rows);
    out
}

fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), figure)
}

/// All tables.
pub(crate) fn tables(document: &Document) -> String {
    let mut out = heading(document);
    bars(&mut out, &document.bars);
    if let Some(floor) = &document.floor {
        cases(&mut out, floor);
        outside(&mut out, floor);
    }
    rest(&mut out, document);
    out
}

fn heading(document: &Document) -> String {
    let machine = &document.machine;
    let commit = document.commit.as_deref().unwrap_or("unknown");
    let factor = document
        .speed_factor
        .map_or_else(|| "unknown".to_owned(), figure);
    let look = if document.quick {
        " A look only; no figure counts."
    } else {
        ""
    };
    format!(
        "Commit `{commit}`; {} × {}, {} MiB, Linux {}; load average {} before, {} after; {} rounds of \
         {} s a case. Speed: measured times × {factor} for the bars.{look}\n",
        machine.cores,
        machine.cpu,
        machine.memory_mib,
        machine.kernel,
        machine.load_before,
        machine.load_after,
        document.rounds,
        document.case_seconds,
    )
}

fn table(out: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let line = |cells: String| format!("|{cells}\n");
    let cells = |cells: &[&str]| {
        cells
            .iter()
            .map(|cell| format!(" {cell} |"))
            .collect::<String>()
    };
    out.push('\n');
    out.push_str(&line(cells(header)));
    out.push_str(&line("---|".repeat(header.len())));
    for row in rows {
        let row: Vec<&str> = row.iter().map(String::as_str).collect();
        out.push_str(&line(cells(&row)));
    }
}

fn bars(out: &mut String, bars: &[Bar]) {
    let row = |bar: &Bar| {
        let measured = bar
            .measured
            .map(|measured| format!("{} {}", figure(measured), bar.unit));
        let raw = bar
            .raw
            .map_or_else(String::new, |raw| format!(" ({} as measured)", figure(raw)));
        let aim = bar.aim.map_or_else(String::new, |aim| bar.limit(aim));
        vec![
            bar.what.clone(),
            measured.unwrap_or_else(|| "–".to_owned()) + &raw,
            bar.limit(bar.bar),
            aim,
            bar.verdict().to_owned(),
        ]
    };
    table(
        out,
        &["what", "measured", "at least", "aim", ""],
        bars.iter().map(row),
    );
}

fn spread(spread: &Spread) -> String {
    let Spread {
        median,
        least,
        greatest,
    } = *spread;
    format!(
        "{} ({}–{})",
        figure(median),
        figure(least),
        figure(greatest)
    )
}

fn cases(out: &mut String, floor: &Floor) {
    let header = [
        "model",
        "form",
        "rows",
        "callers",
        "CPU µs",
        "floor µs",
        "overhead µs",
        "ratio",
        "requests/s",
        "P50 µs",
        "P99 µs",
        "rows a run",
        "requests a run",
        "resident MiB",
    ];
    let row = |row: &Row| {
        vec![
            row.case.model.to_owned(),
            row.case.form.name().to_owned(),
            row.case.rows.to_string(),
            row.case.connections.to_string(),
            figure(row.cpu_us.median),
            figure(row.floor_us.median),
            spread(&row.overhead_us),
            figure(row.ratio.median),
            figure(row.rate_per_s.median),
            figure(row.p50_us.median),
            figure(row.p99_us.median),
            figure(row.rows_per_run),
            figure(row.requests_per_run),
            figure(row.resident_mib),
        ]
    };
    table(out, &header, floor.rows.iter().map(row));
}

fn outside(out: &mut String, floor: &Floor) {
    let header = [
        "model",
        "form",
        "callers",
        "in a loop µs",
        "behind a plain server µs",
        "inside µs",
        "inside against loop %",
        "against plain server %",
    ];
    let rows = floor.outside.iter().map(|one| {
        vec![
            one.case.model.to_owned(),
            one.case.form.name().to_owned(),
            one.case.connections.to_string(),
            spread(&one.loop_us),
            spread(&one.served_us),
            spread(&one.inside_us),
            spread(&one.apart_percent),
            spread(&one.apart_from_served_percent),
        ]
    });
    table(out, &header, rows);
}

fn rest(out: &mut String, document: &Document) {
    if let Some(allocations) = &document.allocations {
        let rows = allocations.rows.iter().map(|row| {
            vec![
                row.what.clone(),
                figure(row.allocations),
                figure(row.reallocations),
            ]
        });
        table(out, &["a request", "allocations", "reallocations"], rows);
    }
    if !document.small.is_empty() {
        let header = [
            "10 rows, 32 callers",
            "CPU µs",
            "run alone µs",
            "plain POST µs",
            "ratio",
            "plain server that runs it µs",
            "ratio to that",
            "requests a run",
        ];
        let rows = document.small.iter().map(|small| {
            vec![
                format!("{}, {}", small.model, small.form.name()),
                spread(&small.cpu_us),
                spread(&small.alone_us),
                spread(&small.plain_us),
                spread(&small.ratio),
                spread(&small.served_us),
                spread(&small.ratio_to_served),
                figure(small.requests_per_run),
            ]
        });
        table(out, &header, rows);
    }
    if let Some(tail) = &document.tail {
        let (peak, p50, p99) = (
            figure(tail.peak_per_s),
            spread(&tail.p50_us),
            spread(&tail.p99_us),
        );
        let _ = writeln!(
            out,
            "\nPeak {peak}/s; at half of it P50 {p50} µs, P99 {p99} µs."
        );
    }
    if let Some(memory) = &document.memory {
        let (early, late) = (figure(memory.early_mib), figure(memory.late_mib));
        let _ = writeln!(
            out,
            "\nResident memory {early} MiB, {late} MiB at the end of {:.0} s.",
            memory.seconds
        );
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::{bars::Side, cli::Cli};

    #[test]
    fn tables_replace_what_stands_between_the_marks_and_nothing_else() {
        let mut document = Document::new(&Cli::parse_from(["bench", "--quick"]));
        document
            .bars
            .push(Bar::new("a figure", Some(12.0), "µs", Side::AtMost, 10.0));
        let (begin, end) = Marks::OfBench.pair();
        let page = format!("method\n{begin}old\n{end}\nprose\n");
        let page = replaced(&page, Marks::OfBench, &tables(&document)).unwrap();
        assert!(
            page.starts_with("method\n") && page.ends_with("prose\n"),
            "{page}"
        );
        assert!(!page.contains("old"));
        assert!(
            page.contains("| a figure | 12.0 µs | ≤ 10.0 µs |  | MISSED |"),
            "{page}"
        );
        assert_eq!(replaced("no marks", Marks::OfBench, "tables"), None);
    }
}
