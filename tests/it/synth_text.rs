//! Ticket texts: rendered on demand, the same for the same ticket, about what the ticket is about, silent about the truth.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use incident_harness::data::archive::{Texts, TicketText};
use incident_harness::data::ticket::TicketTable;
use incident_harness::scenario::{Scenario, load_folder};
use incident_harness::seed::{Seed, SeedRole};
use incident_harness::synth::text::{GrammarTexts, Topic, topics};
use incident_harness::synth::{fault, generate, texts, tickets_with_causes};

const CRASH: &str = "format: 1
id: release.one
title: One release
calendar: {start: 2024-01-01, length: 60d, train: 40d, step: 1d}
tickets: {rate: 200, dispersion: poisson}
faults: [{deployment: {onset: 5, shape: shift, scope: {platform: android}, multiplier: 4, version: 5.2.0, tags: {crash: 0.7, login: 0.1}}}]
watch: [tickets]
";

fn scenario() -> Scenario {
    Scenario::parse(CRASH, "one.yaml", "one.yaml").expect("good")
}

fn made(role: SeedRole) -> (Arc<TicketTable>, Vec<Option<usize>>, Arc<dyn Texts>) {
    let scenario = scenario();
    let (table, causes) = tickets_with_causes(&scenario, role, 0).expect("small");
    (Arc::new(table), causes, texts(&scenario, role, 0).expect("small"))
}

fn says(text: &TicketText, words: &[&str]) -> bool {
    let lower = format!("{} {}", text.subject, text.body).to_lowercase();
    words.iter().any(|word| lower.contains(word))
}

fn share(rows: impl Iterator<Item = bool>) -> f64 {
    let (mut hits, mut all) = (0.0, 0.0);
    for hit in rows {
        hits += f64::from(u8::from(hit));
        all += 1.0;
    }
    hits / all
}

#[test]
fn words_of_the_fault_are_common_in_its_tickets_and_rarer_in_others() {
    const WORDS: &[&str] = &["crash", "stürz", "sturz", "closes", "schließt"];
    let (_, causes, texts) = made(SeedRole::Dev);
    let of =
        |caused: bool| share((0..causes.len()).filter(|&row| causes[row].is_some() == caused).map(|row| says(&texts.text(row), WORDS)));
    let (caused, normal) = (of(true), of(false));
    assert!(caused > 0.5, "{caused}");
    assert!((0.02..0.25).contains(&normal), "{normal}");
}

#[test]
fn error_codes_of_the_fault_occur_in_normal_tickets_too() {
    let (_, causes, texts) = made(SeedRole::Dev);
    let codes = |caused: bool| {
        let rows = (0..causes.len()).filter(|&row| causes[row].is_some() == caused);
        let all: Vec<String> = rows.map(|row| texts.text(row).body).collect();
        all.into_iter().filter_map(|body| body.split_once("E-").map(|(_, rest)| rest[..4].to_owned())).collect::<Vec<_>>()
    };
    let caused = codes(true);
    let common = caused.iter().max_by_key(|code| caused.iter().filter(|other| other == code).count()).expect("some name a code");
    let share = |codes: &[String]| codes.iter().filter(|code| *code == common).count() as f64 / codes.len() as f64;
    let normal = codes(false);
    assert!(share(&caused) > 0.3, "{}", share(&caused));
    assert!(share(&normal) > 0.0 && share(&normal) < 0.15, "{}", share(&normal));
}

#[test]
fn a_text_does_not_depend_on_other_tickets() {
    let (table, causes, texts) = made(SeedRole::Eval);
    let case = scenario().case;
    let row = (0..table.len()).find(|&row| causes[row].is_some()).expect("the fault causes tickets");
    let mut alone = (*table).clone();
    let keep = |codes: &mut Vec<u16>| *codes = vec![codes[row]];
    alone.columns.iter_mut().for_each(|column| keep(&mut column.codes));
    (alone.ids, alone.tags) = (vec![table.ids[row]], vec![table.tags[row]]);
    (alone.buckets, alone.seconds) = (vec![table.buckets[row]], vec![table.seconds[row]]);
    let seed = Seed::derive(["a"]);
    let all = GrammarTexts::new(Arc::clone(&table), topics(&case, &causes), seed, SeedRole::Eval);
    let one = GrammarTexts::new(Arc::new(alone), topics(&case, &causes[row..=row]), seed, SeedRole::Eval);
    assert_eq!(all.text(row), one.text(0));
    // The same call gives the same text, and another seed another one.
    assert_eq!(texts.text(row), made(SeedRole::Eval).2.text(row));
    assert_ne!(texts.text(row), all.text(row));
}

#[test]
fn german_tickets_are_german_and_french_ones_english() {
    let (table, _, texts) = made(SeedRole::Dev);
    let language = table.column("language").expect("the built-in desk has it");
    let german = [" ich ", " nicht ", " die ", " das ", " der ", "ist ", " eine", " und ", "mein", "alles", "wir ", " uns"];
    let of = |code: &str| share((0..table.len()).filter(|&row| language.value(row) == code).map(|row| says(&texts.text(row), &german)));
    assert!(of("de") > 0.9, "{}", of("de"));
    assert!(of("fr") < 0.2, "{}", of("fr"));
    assert!(of("en") < 0.2, "{}", of("en"));
}

#[test]
fn texts_name_the_platform_and_the_version_of_their_ticket() {
    let (table, _, texts) = made(SeedRole::Dev);
    let platform = table.column("platform").expect("the built-in desk has it");
    let version = table.column("app_version").expect("the built-in desk has it");
    let mut named = 0;
    for row in 0..table.len() {
        let body = texts.text(row).body;
        assert!(platform.value(row) == "android" || !body.contains("Android"), "{body}");
        for other in version.values.iter().filter(|value| *value != version.value(row)) {
            assert!(!body.contains(other.as_str()), "{body}");
        }
        named += usize::from(body.contains(version.value(row)));
    }
    assert!(named > table.len() / 20, "{named}");
}

#[test]
fn hardly_two_tickets_say_the_same() {
    let (table, _, texts) = made(SeedRole::Eval);
    let bodies: BTreeSet<String> = (0..table.len()).map(|row| texts.text(row).body).collect();
    assert!(bodies.len() as f64 > 0.98 * table.len() as f64, "{} of {}", bodies.len(), table.len());
}

#[test]
fn no_text_of_the_library_tells_the_truth() {
    let library = load_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).expect("the library is good");
    // What a variant puts into tickets is written by hand, braces and made-up ids included.
    for scenario in library.iter().filter(|scenario| scenario.variant.is_none() && scenario.case.desk.rate < 2_000.0) {
        let (table, causes) = tickets_with_causes(scenario, SeedRole::Eval, 0).expect("small");
        let texts = texts(scenario, SeedRole::Eval, 0).expect("small");
        let truth = generate(scenario, SeedRole::Eval, 0).expect("small").truth;
        let mut secret: Vec<String> = fault::REGISTRY.iter().map(|entry| entry.name.to_owned()).collect();
        secret.extend([scenario.id.to_string(), scenario.family().to_owned(), "injected".to_owned(), "chg-".to_owned()]);
        secret.extend(truth.benign.iter().map(|event| event.kind.clone()));
        // Every caused ticket and as many others.
        let rows = (0..table.len()).filter(|&row| causes[row].is_some() || row % 50 == 0);
        for text in rows.take(3_000).map(|row| texts.text(row)) {
            let all = format!("{} {}", text.subject, text.body).to_lowercase();
            assert!(!text.subject.is_empty() && !text.body.is_empty());
            assert!(!all.contains(['{', '}']) && !all.contains("  "), "{all}");
            for word in &secret {
                assert!(!all.contains(word.as_str()), "{}: `{word}` in {all}", scenario.id);
            }
        }
    }
}

#[test]
fn bots_write_like_bots_whatever_their_tags() {
    let text = CRASH.split("faults:").next().expect("a first part").to_owned()
        + "faults: [{bot_burst: {onset: 5, duration: 4d, per_day: 90, tags: {feature_request: 0.6}}}]\nwatch: [tickets]\n";
    let scenario = Scenario::parse(&text, "bots.yaml", "bots.yaml").expect("good");
    let (_, causes) = tickets_with_causes(&scenario, SeedRole::Dev, 0).expect("small");
    assert!(topics(&scenario.case, &causes).iter().flatten().all(|topic| *topic == Topic::Bot));
    let texts = texts(&scenario, SeedRole::Dev, 0).expect("small");
    let bots: Vec<TicketText> = (0..causes.len()).filter(|&row| causes[row].is_some()).map(|row| texts.text(row)).collect();
    assert!(bots.len() > 200);
    assert!(bots.iter().all(|text| text.body.len() < 80 && !text.body.contains("Hi team")));
}
