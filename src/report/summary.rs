//! `summary.csv`: one row per detector and metric, for spreadsheets and notebooks. A missing number is an empty cell.

use crate::score::METRICS;
use crate::score::judge::Judgement;

/// Renders the table.
pub(super) fn render(judgement: &Judgement) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["model", "config", "role", "metric", "value", "lower", "upper", "files", "unit", "better"];
    writer.write_record(header).expect("memory takes every row");
    for row in &judgement.scorecard.models {
        for metric in METRICS {
            let Some(cell) = row.metrics.get(metric.name) else { continue };
            let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
            let fields = [
                row.config.name.clone(),
                row.config.digest.clone(),
                format!("{:?}", row.role).to_lowercase(),
                metric.name.to_owned(),
                number(cell.value.value()),
                number(cell.interval.map(|interval| interval.lower)),
                number(cell.interval.map(|interval| interval.upper)),
                cell.files.to_string(),
                metric.unit.to_string(),
                metric.better.to_string(),
            ];
            writer.write_record(&fields).expect("every row has ten fields");
        }
    }
    String::from_utf8(writer.into_inner().expect("memory takes every row")).expect("fields are text")
}
