//! `bench-plain`: answers a POST with its body.

fn main() -> anyhow::Result<()> {
    bench::plain::serve()
}
