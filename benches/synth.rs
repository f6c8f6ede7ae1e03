//! Time of one incident: series and truth of a daily and of an hourly file, every ticket of the daily one, every session, a thousand
//! texts, and reading the library.
//!
//! `cargo bench --bench synth`

use std::path::Path;

use divan::Bencher;
use incident_harness::scenario::{Scenario, load_folder};
use incident_harness::seed::SeedRole;
use incident_harness::synth;

fn main() {
    divan::main();
}

fn library() -> Vec<Scenario> {
    load_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).expect("the library is good")
}

fn scenario(id: &str) -> Scenario {
    library().into_iter().find(|scenario| scenario.id.as_str() == id).expect("it is in the library")
}

#[divan::bench(args = [
    "classic.spike-2023", "segment-outage.one-queue-billing", "segment-outage.country-hourly", "classic.android-crash-2026", "quiet.users",
    "deployment.crash-android-in", "retention-decline.one-platform",
])]
fn generate(bencher: Bencher<'_, '_>, id: &str) {
    let scenario = scenario(id);
    bencher.bench(|| synth::generate(&scenario, SeedRole::Dev, 0));
}

#[divan::bench(args = ["classic.spike-2023", "quiet.large-uneven"])]
fn tickets(bencher: Bencher<'_, '_>, id: &str) {
    let scenario = scenario(id);
    bencher.bench(|| synth::tickets(&scenario, SeedRole::Dev, 0));
}

#[divan::bench(args = ["classic.android-crash-2026", "quiet.users"])]
fn activity(bencher: Bencher<'_, '_>, id: &str) {
    let scenario = scenario(id);
    bencher.bench(|| synth::activity(&scenario, SeedRole::Dev, 0));
}

#[divan::bench(args = ["quiet.users", "retention-decline.one-platform", "quiet.large-uneven"])]
fn archive(bencher: Bencher<'_, '_>, id: &str) {
    let scenario = scenario(id);
    bencher.bench(|| synth::archive(&scenario, SeedRole::Dev, 0));
}

#[divan::bench]
fn a_thousand_texts(bencher: Bencher<'_, '_>) {
    let texts = synth::texts(&scenario("classic.spike-2023"), SeedRole::Dev, 0).expect("small");
    bencher.bench(|| (0..1000).map(|row| texts.text(row).body.len()).sum::<usize>());
}

#[divan::bench]
fn load(bencher: Bencher<'_, '_>) {
    bencher.bench(library);
}
