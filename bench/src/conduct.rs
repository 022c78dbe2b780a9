//! One part after the other, then the account of them.

use anyhow::{Context, Result};

use crate::{
    allocations::Allocations,
    capacity::Capacity,
    cli::{Cli, Part},
    document::Document,
    floor::Floor,
    markdown::{self, Marks},
    memory::Memory,
    outside::Outside,
    runs,
    small::Small,
    tail::Tail,
};

/// Measures what is wanted, prints and writes it; true where every bar was held.
pub fn conduct(cli: &Cli) -> Result<bool> {
    if !cli.runs.is_empty() {
        return account(cli);
    }
    let mut document = Document::new(cli);
    measure(cli, &mut document);
    document.machine.observe_again();
    print!("{}", markdown::tables(&document));
    println!();
    for bar in &document.bars {
        println!("{bar}");
    }
    if let Some(path) = &cli.json {
        let text = serde_json::to_vec_pretty(&document)?;
        std::fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    put(cli, Marks::OfBench, &markdown::tables(&document))?;
    if cli.quick {
        println!("\na look only (--quick): every part works; none of these figures counts");
    }
    Ok(cli.quick || document.held())
}

/// The medians of earlier runs.
fn account(cli: &Cli) -> Result<bool> {
    let runs = runs::read(&cli.runs)?;
    let judged = runs::judge(&runs);
    let table = markdown::account(&runs, &judged);
    print!("{table}");
    put(cli, Marks::OfRuns, &table)?;
    Ok(judged.iter().all(|one| one.bar.held()))
}

/// Puts tables between the marks of the page that was asked for, if one was.
fn put(cli: &Cli, marks: Marks, tables: &str) -> Result<()> {
    let Some(path) = &cli.docs else {
        return Ok(());
    };
    let page = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let page = markdown::replaced(&page, marks, tables)
        .with_context(|| format!("{} has no marks to put the tables between", path.display()))?;
    Ok(std::fs::write(path, page)?)
}

/// Measures each part that is wanted. What goes wrong with one is told and costs the others nothing:
/// a floor of ten minutes is not lost to a search that failed.
fn measure(cli: &Cli, document: &mut Document) {
    let parts: [(Part, Measure); 6] = [
        (Part::Floor, floor),
        (Part::Allocations, allocations),
        (Part::Capacity, capacity),
        (Part::Small, small),
        (Part::Tail, tail),
        (Part::Memory, memory),
    ];
    for (part, measure) in parts {
        // The comparison with the floor outside needs the one inside.
        let wanted = cli.wants(part) || (part == Part::Floor && cli.wants(Part::Outside));
        if !wanted {
            continue;
        }
        if let Err(error) = measure(cli, document) {
            let failure = format!("{part:?}: {error:#}");
            eprintln!("not measured: {failure}");
            document.failures.push(failure);
        }
    }
}

type Measure = fn(&Cli, &mut Document) -> Result<()>;

fn floor(cli: &Cli, document: &mut Document) -> Result<()> {
    let floor = Floor::measure(cli)?;
    document.speed_factor = floor.speed_factor();
    document.bars.extend(floor.bars());
    document
        .bars
        .extend(floor.outside.iter().flat_map(Outside::bars));
    document.floor = Some(floor);
    Ok(())
}

fn allocations(cli: &Cli, document: &mut Document) -> Result<()> {
    eprintln!("allocations");
    let allocations = Allocations::measure(cli)?;
    document.bars.push(allocations.bar());
    document.allocations = Some(allocations);
    Ok(())
}

fn capacity(cli: &Cli, document: &mut Document) -> Result<()> {
    eprintln!("capacity: searching the highest rate");
    let capacity = Capacity::measure(cli)?;
    document.bars.push(capacity.bar());
    document.capacity = Some(capacity);
    Ok(())
}

fn small(cli: &Cli, document: &mut Document) -> Result<()> {
    document.small = Small::measure(cli)?;
    document
        .bars
        .extend(document.small.iter().flat_map(Small::bars));
    Ok(())
}

fn tail(cli: &Cli, document: &mut Document) -> Result<()> {
    // The search that the peak is taken from may have been left out, or have failed.
    let capacity = match &document.capacity {
        Some(measured) => measured.rate_per_s,
        None => Capacity::measure(cli)?.rate_per_s,
    };
    let peak = capacity.context("no rate holds P99, so there is no peak to take half of")?;
    document.tail = Tail::measure(cli, peak)?;
    document.bars.push(Tail::bar(document.tail.as_ref()));
    Ok(())
}

fn memory(cli: &Cli, document: &mut Document) -> Result<()> {
    let memory = Memory::measure(cli)?;
    document.bars.extend(memory.bars());
    document.memory = Some(memory);
    Ok(())
}
