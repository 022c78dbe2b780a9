//! One part after the other, then the account of them.

use anyhow::{Context, Result};

use crate::{
    allocations::Allocations,
    capacity::Capacity,
    cli::{Cli, Part},
    document::Document,
    floor::Floor,
    markdown,
    memory::Memory,
    outside::Outside,
    small::Small,
    tail::Tail,
};

/// Measures what is wanted, prints and writes it; true where every bar was held.
pub fn conduct(cli: &Cli) -> Result<bool> {
    let mut document = Document::new(cli);
    measure(cli, &mut document)?;
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
    if let Some(path) = &cli.docs {
        let page = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let page = markdown::replaced(&page, &document).with_context(|| {
            format!("{} has no marks to put the tables between", path.display())
        })?;
        std::fs::write(path, page)?;
    }
    if cli.quick {
        println!("\na look only (--quick): every part works; none of these figures counts");
    }
    Ok(cli.quick || document.held())
}

fn measure(cli: &Cli, document: &mut Document) -> Result<()> {
    if cli.wants(Part::Floor) || cli.wants(Part::Outside) {
        let floor = Floor::measure(cli)?;
        document.speed_factor = floor.speed_factor();
        document.bars.extend(floor.bars());
        document.bars.extend(floor.outside.iter().map(Outside::bar));
        document.floor = Some(floor);
    }
    if cli.wants(Part::Allocations) {
        eprintln!("allocations");
        let allocations = Allocations::measure(cli)?;
        document.bars.push(allocations.bar());
        document.allocations = Some(allocations);
    }
    if cli.wants(Part::Capacity) {
        eprintln!("capacity: searching the highest rate");
        let capacity = Capacity::measure(cli)?;
        document.bars.push(capacity.bar());
        document.capacity = Some(capacity);
    }
    if cli.wants(Part::Small) {
        document.small = Small::measure(cli)?;
        document.bars.extend(document.small.iter().map(Small::bar));
    }
    if cli.wants(Part::Tail) {
        document.tail = Tail::measure(cli)?;
        document.bars.push(Tail::bar(document.tail.as_ref()));
    }
    if cli.wants(Part::Memory) {
        let memory = Memory::measure(cli)?;
        document.bars.extend(memory.bars());
        document.memory = Some(memory);
    }
    Ok(())
}
