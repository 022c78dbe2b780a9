//! Rewrites one model: `optimise MODEL.onnx OUT_FOLDER INPUT=request|candidate|columns:0,1,…`.
//!
//! Prints what was found as JSON. Nothing is proven here: the server does that when it loads a model.

use std::{path::Path, process::ExitCode};

use optimiser::{InputRole, Roles, Settings, optimise};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("optimise: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<String, String> {
    let [model, out, roles @ ..] = args else {
        return Err("usage: optimise MODEL.onnx OUT_FOLDER INPUT=ROLE…".into());
    };
    let roles = roles
        .iter()
        .map(|text| role(text))
        .collect::<Result<_, _>>()?;
    let folder = Path::new(model).parent().unwrap_or(Path::new("."));
    let file = std::fs::read(model).map_err(|e| format!("{model}: {e}"))?;
    let made = optimise(file.into(), folder, &Roles(roles), &Settings::default());
    let made = made.map_err(|e| e.to_string())?;
    std::fs::create_dir_all(out).map_err(|e| format!("{out}: {e}"))?;
    made.files
        .write(Path::new(out))
        .map_err(|e| format!("{out}: {e}"))?;
    let inputs = made.inputs.iter().map(|i| {
        let columns = i
            .columns
            .as_ref()
            .map_or("null".into(), |c| format!("{c:?}"));
        format!(
            "{{\"name\": {:?}, \"source\": {:?}, \"part\": \"{:?}\", \"columns\": {columns}}}",
            i.name, i.source, i.part
        )
    });
    let fired = made
        .fired
        .iter()
        .map(|f| format!("{:?}: {}", f.rewrite, f.times));
    Ok(format!(
        "{{\"inputs\": [{}], \"rewrites\": {{{}}}, \"nodes_before\": {}, \"nodes_after\": {}, \"table_bytes\": {}}}",
        inputs.collect::<Vec<_>>().join(", "),
        fired.collect::<Vec<_>>().join(", "),
        made.nodes_before,
        made.nodes_after,
        made.table_bytes,
    ))
}

fn role(text: &str) -> Result<(String, InputRole), String> {
    let (name, role) = text
        .rsplit_once('=')
        .ok_or_else(|| format!("`{text}` is no INPUT=ROLE"))?;
    let role = match role {
        "request" => InputRole::Request,
        "candidate" => InputRole::Candidate,
        other => {
            let list = other
                .strip_prefix("columns:")
                .ok_or_else(|| format!("no role `{other}`"))?;
            let each = list
                .split(',')
                .map(|c| c.parse::<usize>().map_err(|e| format!("{c}: {e}")));
            InputRole::Columns(each.collect::<Result<_, _>>()?)
        }
    };
    Ok((name.to_owned(), role))
}
