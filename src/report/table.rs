//! Tables of text: rows of cells, aligned for a terminal or piped for Markdown.

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Header and rows; every row has as many cells as the header.
#[derive(Debug, Clone, Default)]
pub struct Table {
    header: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new<S: Into<String>>(columns: impl IntoIterator<Item = (S, Align)>) -> Self {
        Self { header: columns.into_iter().map(|(name, align)| (name.into(), align)).collect(), rows: Vec::new() }
    }

    /// Adds a row; missing cells are empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.header.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn widths(&self) -> Vec<usize> {
        let width = |text: &str| text.chars().count();
        (0..self.header.len())
            .map(|column| self.rows.iter().map(|row| width(&row[column])).chain([width(&self.header[column].0)]).max().unwrap_or(0))
            .collect()
    }

    /// Aligned by spaces, for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let widths = self.widths();
        let line = |cells: &mut dyn Iterator<Item = &str>| {
            let cells: Vec<String> =
                cells.zip(&self.header).zip(&widths).map(|((cell, (_, align)), &width)| pad(cell, width, *align)).collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        let header = line(&mut self.header.iter().map(|(name, _)| name.as_str()));
        self.rows.iter().fold(header, |text, row| text + &line(&mut row.iter().map(String::as_str)))
    }

    /// As a Markdown table.
    #[must_use]
    pub fn markdown(&self) -> String {
        let names: Vec<&str> = self.header.iter().map(|(name, _)| name.as_str()).collect();
        let rules: Vec<&str> = self.header.iter().map(|(_, align)| if *align == Align::Right { "---:" } else { "---" }).collect();
        let mut text = format!("| {} |\n| {} |\n", names.join(" | "), rules.join(" | "));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            text += &format!("| {} |\n", cells.join(" | "));
        }
        text
    }
}

fn pad(cell: &str, width: usize, align: Align) -> String {
    if align == Align::Right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_letters() {
        let mut table = Table::new([("model", Align::Left), ("F1", Align::Right)]);
        table.row(["lgbm", ".75"]);
        table.row(["später", "–"]);
        assert_eq!(table.text(), "model    F1\nlgbm    .75\nspäter    –\n");
        assert_eq!(table.markdown(), "| model | F1 |\n| --- | ---: |\n| lgbm | .75 |\n| später | – |\n");
    }
}
