//! The picture of `harness detect --plot`.

use incident_harness::data::Series;
use incident_harness::data::truth::Window;
use incident_harness::detect::Band;
use incident_harness::report::plot::{Plot, PlotError, series_svg};
use incident_harness::time::{Grid, Step};
use jiff::tz::TimeZone;

fn wave(n: usize, step: &str, zone: &str) -> Series {
    let start = "2023-03-20".parse::<jiff::civil::Date>().expect("a date").to_zoned(TimeZone::get(zone).expect("a zone"));
    let grid = Grid::new(start.expect("it exists"), step.parse().expect("a step"), n);
    let values = (0..n).map(|i| (i % 97 != 13).then(|| 100.0 + 40.0 * libm::sin(i as f64 / 3.7) + (i * 7919 % 23) as f64)).collect();
    Series::new(grid, values)
}

fn bands(test: &Series) -> Vec<Band> {
    (0..test.len())
        .map(|i| 100.0 + 40.0 * libm::sin(i as f64 / 3.7))
        .map(|e| Band { expected: e, lower: e - 30.0, upper: e + 30.0 })
        .collect()
}

fn draw(series: &Series, train: usize, truth: &[Window]) -> String {
    let (train, test) = (series.slice(0..train), series.slice(train..series.len()));
    let flagged: Vec<bool> = (0..test.len()).map(|i| i % 50 == 7).collect();
    let (bands, title) = (bands(&test), "a <b> & \"c\"\u{1}");
    series_svg(&Plot { title, y_label: "tickets", train: &train, test: &test, bands: &bands, flagged: &flagged, interval: 0.995, truth })
        .expect("there is something to draw")
}

/// The names of the elements in document order; panics when tags do not nest, or an attribute is not quoted.
fn elements(svg: &str) -> Vec<String> {
    let (mut open, mut names, mut rest) = (Vec::new(), Vec::new(), svg);
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>') && (open.is_empty() || !rest[..start].contains('\u{1}')), "text is escaped");
        let end = start + rest[start..].find('>').expect("a tag is closed");
        let tag = &rest[start + 1..end];
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes are paired: {tag}");
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "tags nest");
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a tag has a name").to_owned();
        names.push(name.clone());
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "every tag is closed");
    names
}

#[test]
fn a_picture_is_xml_with_every_part() {
    let svg = draw(&wave(200, "1d", "UTC"), 120, &[Window { first: 150, last: 155 }]);
    let names = elements(&svg);
    assert_eq!(names[0], "svg");
    let count = |name: &str| names.iter().filter(|element| *element == name).count();
    assert!(count("polyline") >= 2, "observed and expected");
    assert_eq!(count("polygon"), 1, "the interval");
    // A legend's dot, and two circles for each of the buckets 7 and 57 of test.
    assert_eq!(count("circle"), 1 + 2 * 2);
    for part in [
        "observed",
        "expected",
        "99.5 % interval",
        "flagged",
        "truth",
        "train",
        "test",
        "tickets",
        "May",
        "a &lt;b&gt; &amp; &quot;c&quot;",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "only numbers");
    assert!(!svg.contains('\u{1}'), "XML has no control characters");
}

#[test]
fn a_long_series_stays_small_and_keeps_its_spikes() {
    let mut values = wave(100_000, "5min", "UTC").values().to_vec();
    values[90_001] = Some(100_000.0);
    let series = Series::new(wave(100_000, "5min", "UTC").grid().clone(), values);
    let truth: Vec<Window> = (0..20_000).map(|i| Window { first: 60_000 + 2 * i, last: 60_000 + 2 * i }).collect();
    let svg = draw(&series, 50_000, &truth);
    assert!(svg.len() < 500_000, "{} bytes", svg.len());
    elements(&svg);
    let top = 82 * 2 + 40;
    let highest = svg.lines().filter(|line| line.starts_with("<polyline")).flat_map(|line| {
        let points = line.split("points=\"").nth(1).unwrap_or_default();
        points.split_whitespace().filter_map(|point| point.split(',').nth(1)?.parse::<i32>().ok()).collect::<Vec<_>>()
    });
    assert!(highest.filter(|y| *y > 82 * 2).min().expect("lines have points") < top, "the spike is drawn");
}

#[test]
fn the_same_series_gives_the_same_bytes() {
    let series = wave(3000, "1h", "Europe/Berlin");
    let svg = draw(&series, 2000, &[]);
    assert_eq!(svg, draw(&series, 2000, &[]));
    assert!(svg.contains("time (Europe/Berlin)"));
    assert!(!svg.contains(">\ntruth\n<"), "a legend names only what is there");
}

#[test]
fn odd_series_are_drawn_and_empty_ones_refused() {
    let grid = |n| Grid::civil("2023-01-01".parse().expect("a date"), Step::DAY, n);
    let one = |value: Option<f64>, bands: &[Band]| {
        let (train, test) = (Series::new(grid(0), vec![]), Series::new(grid(1), vec![value]));
        series_svg(&Plot { title: "", y_label: "", train: &train, test: &test, bands, flagged: &[true], interval: 0.99, truth: &[] })
    };
    let wide = Band { expected: 0.0, lower: f64::NEG_INFINITY, upper: f64::INFINITY };
    for (value, bands) in
        [(0.0, vec![]), (5.0, vec![wide]), (-1e300, vec![]), (1e-9, vec![Band { expected: 0.0, lower: -1e12, upper: 1e12 }])]
    {
        let svg = one(Some(value), &bands).expect("one value is enough");
        elements(&svg);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{value}: {svg}");
    }
    assert!(matches!(one(None, &[]), Err(PlotError::Empty)));
}
