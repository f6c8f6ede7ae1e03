//! Ranking quality without a threshold: AUC-PR, AUC-ROC, and the volume under their surface over widening labels (VUS).
//!
//! VUS is the `opt` variant of TSB-AD (Paparrizos et al., PVLDB 2022; Liu & Paparrizos, NeurIPS 2024) with 250 thresholds at ranks. It
//! sees no delay and no pages and is fooled by a ramp: it is for comparison with the literature and stands beside the event F1.
//!
//! A row adds to the sums at a threshold only if its score reaches it. So each row is put once into the bin of the first threshold that
//! predicts it, and running sums over the bins give all thresholds: a window costs the rows near segments plus 250, not 250 passes.

/// Number of thresholds of the surface.
const THRESHOLDS: usize = 250;

/// Area or volume under the precision-recall and the ROC curve or surface.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    /// Under precision against recall.
    pub pr: f64,
    /// Under the true against the false positive rate; not a number when every row is positive.
    pub roc: f64,
}

/// AUC-PR (average precision, ties taken in one step, no interpolation) and AUC-ROC; nothing without a positive.
#[must_use]
pub fn area(labels: &[bool], scores: &[f64]) -> Option<Volume> {
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let positives = labels.iter().filter(|label| **label).count();
    let negatives = (labels.len() - positives) as f64;
    let (mut pr, mut roc, mut seen, mut hits) = (0.0, 0.0, 0_usize, 0_usize);
    for tie in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let new = tie.iter().filter(|&&row| labels[row]).count();
        let misses = (tie.len() - new) as f64;
        roc += misses * (hits as f64 + 0.5 * new as f64);
        seen += tie.len();
        hits += new;
        pr += new as f64 * hits as f64 / seen as f64;
    }
    (positives > 0).then(|| Volume { pr: pr / positives as f64, roc: roc / (positives as f64 * negatives) })
}

/// VUS-PR and VUS-ROC: the mean over windows 0..=`window` (in rows); nothing without a positive.
#[must_use]
pub fn volume(labels: &[bool], scores: &[f64], window: usize) -> Option<Volume> {
    let surface = Surface::new(labels, scores)?;
    let mut sums = Sums::default();
    let (mut pr, mut roc) = (0.0, 0.0);
    for width in 0..=window {
        let slice = surface.slice(width, &mut sums);
        pr += slice.pr;
        roc += slice.roc;
    }
    let slices = (window + 1) as f64;
    Some(Volume { pr: pr / slices, roc: roc / slices })
}

/// What is the same for every window.
struct Surface<'a> {
    labels: &'a [bool],
    /// True segments, both ends included.
    segments: Vec<(usize, usize)>,
    positives: f64,
    /// Per row: the first threshold that predicts it.
    bins: Vec<usize>,
    /// Per threshold: rows it predicts, and those of them that are positive.
    predicted: [f64; THRESHOLDS],
    hits: [f64; THRESHOLDS],
}

/// Memory that one window leaves to the next.
#[derive(Default)]
struct Sums {
    /// sqrt(1 − d / width) for d = 1, 2, …
    ramp: Vec<f64>,
    /// Weight of each row outside the segments; zero between windows.
    weights: Vec<f64>,
}

impl<'a> Surface<'a> {
    fn new(labels: &'a [bool], scores: &[f64]) -> Option<Self> {
        debug_assert_eq!(labels.len(), scores.len());
        let segments = segments(labels);
        if segments.is_empty() {
            return None;
        }
        let thresholds = rank_thresholds(scores);
        let bins: Vec<usize> = scores.iter().map(|score| thresholds.partition_point(|threshold| threshold > score)).collect();
        let (mut predicted, mut hits) = ([0.0; THRESHOLDS], [0.0; THRESHOLDS]);
        for (&bin, &label) in bins.iter().zip(labels) {
            predicted[bin] += 1.0;
            hits[bin] += f64::from(u8::from(label));
        }
        accumulate(&mut predicted);
        accumulate(&mut hits);
        let positives = labels.iter().filter(|label| **label).count() as f64;
        Some(Self { labels, segments, positives, bins, predicted, hits })
    }

    /// Average precision and area at one window.
    fn slice(&self, width: usize, sums: &mut Sums) -> Volume {
        let reach = width / 2;
        self.weigh(width, sums);
        // Weight predicted outside the segments, and widened segments with a prediction, per threshold.
        let (mut outside, mut existing) = ([0.0; THRESHOLDS], [0.0; THRESHOLDS]);
        let widened = self.widened(reach);
        for &(first, last) in &widened {
            let mut earliest = THRESHOLDS;
            for row in first..=last {
                let bin = self.bins[row];
                earliest = earliest.min(bin);
                outside[bin] += sums.weights[row].min(1.0);
                sums.weights[row] = 0.0;
            }
            existing[earliest] += 1.0;
        }
        accumulate(&mut outside);
        accumulate(&mut existing);
        self.integrate(&outside, &existing, widened.len() as f64)
    }

    /// Adds the falling weights on both sides of each segment. Rows of segments weigh nothing here: they count in full as hits.
    fn weigh(&self, width: usize, sums: &mut Sums) {
        let reach = width / 2;
        sums.ramp.clear();
        sums.ramp.extend((1..=reach).map(|distance| (1.0 - distance as f64 / width as f64).sqrt()));
        sums.weights.resize(self.labels.len(), 0.0);
        for &(first, last) in &self.segments {
            for (distance, weight) in (1..).zip(&sums.ramp) {
                let before = first.checked_sub(distance);
                let after = Some(last + distance).filter(|row| *row < self.labels.len());
                for row in [before, after].into_iter().flatten().filter(|row| !self.labels[*row]) {
                    sums.weights[row] += weight;
                }
            }
        }
    }

    /// Segments widened on both sides; those that touch are one.
    fn widened(&self, reach: usize) -> Vec<(usize, usize)> {
        let mut widened: Vec<(usize, usize)> = Vec::with_capacity(self.segments.len());
        let mut previous_end = None;
        for &(first, last) in &self.segments {
            let end = (last + reach).min(self.labels.len() - 1);
            let apart = previous_end.is_none_or(|previous: usize| previous + 2 * reach < first);
            match widened.last_mut() {
                Some(open) if !apart => open.1 = end,
                _ => widened.push((first.saturating_sub(reach), end)),
            }
            previous_end = Some(last);
        }
        widened
    }

    fn integrate(&self, outside: &[f64; THRESHOLDS], existing: &[f64; THRESHOLDS], widened: f64) -> Volume {
        let rows = self.labels.len() as f64;
        let (mut pr, mut roc, mut last_tpr, mut last_fpr) = (0.0, 0.0, 0.0, 0.0);
        for j in 0..THRESHOLDS {
            let hits = self.hits[j] + outside[j];
            let positives = self.positives + 0.5 * outside[j];
            let tpr = (hits / positives).min(1.0) * existing[j] / widened;
            let fpr = (self.predicted[j] - hits) / (rows - positives);
            pr += (tpr - last_tpr) * hits / self.predicted[j];
            roc += (fpr - last_fpr) * (tpr + last_tpr) / 2.0;
            (last_tpr, last_fpr) = (tpr, fpr);
        }
        roc += (1.0 - last_fpr) * (1.0 + last_tpr) / 2.0;
        Volume { pr, roc }
    }
}

/// Maximal runs of positives, both ends included.
fn segments(labels: &[bool]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for row in (0..labels.len()).filter(|&row| labels[row]) {
        match found.last_mut() {
            Some(open) if open.1 + 1 == row => open.1 = row,
            _ => found.push((row, row)),
        }
    }
    found
}

/// Scores at evenly spaced ranks, falling; truncated as NumPy's `linspace(0, n - 1, 250).astype(int)` does.
fn rank_thresholds(scores: &[f64]) -> [f64; THRESHOLDS] {
    let mut falling = scores.to_vec();
    falling.sort_by(|a, b| b.total_cmp(a));
    let last = falling.len() - 1;
    let step = last as f64 / (THRESHOLDS - 1) as f64;
    std::array::from_fn(|j| falling[if j == THRESHOLDS - 1 { last } else { (j as f64 * step) as usize }])
}

fn accumulate(bins: &mut [f64; THRESHOLDS]) {
    let mut sum = 0.0;
    for bin in bins {
        sum += *bin;
        *bin = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy() -> (Vec<bool>, Vec<f64>) {
        let labels = (0..20).map(|row| (5..10).contains(&row) || (14..16).contains(&row)).collect();
        let scores = vec![0.1, 0.2, 0.1, 0.8, 0.3, 0.2, 0.4, 0.9, 0.9, 0.3, 0.2, 0.1, 0.7, 0.7, 0.95, 0.2, 0.1, 0.3, 0.6, 0.1];
        (labels, scores)
    }

    fn is_close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 5e-11, "got {got}, expected {expected}");
    }

    #[test]
    fn the_toy_series_has_its_published_areas() {
        let (labels, scores) = toy();
        let area = area(&labels, &scores).expect("has positives");
        is_close(area.pr, 0.698_268_398_3);
        is_close(area.roc, 0.747_252_747_3);
    }

    #[test]
    fn the_toy_series_has_its_published_volumes() {
        let (labels, scores) = toy();
        for (window, pr, roc) in [(2, 0.721_948_915_2, 0.771_967_261_8), (4, 0.770_349_732_9, 0.816_666_998_4)] {
            let volume = volume(&labels, &scores, window).expect("has positives");
            is_close(volume.pr, pr);
            is_close(volume.roc, roc);
        }
    }

    #[test]
    fn without_positives_there_is_no_volume() {
        assert_eq!(volume(&[false; 3], &[1.0, 2.0, 3.0], 2), None);
        assert_eq!(area(&[], &[]), None);
        assert_eq!(volume(&[], &[], 2), None);
    }

    #[test]
    fn window_zero_over_few_rows_is_the_plain_area() {
        let (labels, scores) = toy();
        let flat = volume(&labels, &scores, 0).expect("has positives");
        // Existence scales recall, so the plain area is reached where every segment is found at once.
        let one: Vec<bool> = labels.iter().enumerate().map(|(row, label)| *label && row < 10).collect();
        let single = volume(&one, &scores, 0).expect("has positives");
        is_close(single.pr, area(&one, &scores).expect("has positives").pr);
        assert!(flat.pr <= area(&labels, &scores).expect("has positives").pr);
    }
}
