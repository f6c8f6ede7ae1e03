//! `summary.csv`: one row per detector or agent and metric, for spreadsheets and notebooks. A missing number is an empty cell.

use crate::score::Section;
use crate::score::judge::Judgement;
use crate::score::metric::Over;

/// Renders the table.
pub(super) fn render(judgement: &Judgement) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["model", "config", "role", "metric", "value", "lower", "upper", "files", "unit", "better", "section", "agent", "trigger"];
    writer.write_record(header).expect("memory takes every row");
    let rows = |section: Section| judgement.scorecard.rows(section).iter().map(move |row| (section, row));
    for (section, row) in Section::ALL.into_iter().flat_map(rows) {
        for metric in section.metrics() {
            let Some(cell) = row.metrics.get(metric.name) else { continue };
            // Of agents that ask no model there is nothing to say of models.
            if metric.over == Over::Models && row.total.tally.model.is_zero() {
                continue;
            }
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
                section.to_string(),
                row.agent.as_ref().map(ToString::to_string).unwrap_or_default(),
                row.trigger.clone().unwrap_or_default(),
            ];
            writer.write_record(&fields).expect("every row has a field per column");
        }
    }
    String::from_utf8(writer.into_inner().expect("memory takes every row")).expect("fields are text")
}
