//! A curve as SVG.

use std::fmt::Write;

/// The drawing's size, and the margins for what is written beside the curve.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 320.0;
const MARGIN: f64 = 56.0;

/// Values over counts; the counts grow by factors, so they are drawn on a logarithmic scale.
pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    pub(crate) points: &'a [(f64, f64)],
}

impl Plot<'_> {
    /// The whole file.
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let middle = WIDTH / 2.0;
        text(&mut svg, middle, 20.0, "middle", self.title);
        text(&mut svg, middle, HEIGHT - 12.0, "middle", self.x);
        text(&mut svg, 8.0, 36.0, "start", self.y);
        let (left, bottom) = (MARGIN, HEIGHT - MARGIN);
        let (right, top) = (WIDTH - MARGIN, MARGIN);
        let _ = writeln!(
            svg,
            "<path d=\"M{left} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"gray\"/>"
        );
        let mut path = String::new();
        for (x, y) in self.points {
            let (across, up) = self.place(*x, *y);
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{command}{across:.1} {up:.1}");
            let _ = writeln!(
                svg,
                "<circle cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"3\" fill=\"#2563eb\"/>"
            );
            text(&mut svg, across, up - 8.0, "middle", &format!("{y:.1}"));
            text(&mut svg, across, bottom + 16.0, "middle", &x.to_string());
        }
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#2563eb\" stroke-width=\"1.5\"/>\n</svg>"
        );
        svg
    }

    /// Where a point is drawn. The vertical axis starts at nothing, so that flat looks flat.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let most = |values: fn(&(f64, f64)) -> f64| {
            self.points
                .iter()
                .map(values)
                .fold(f64::MIN_POSITIVE, f64::max)
        };
        let (widest, highest) = (
            most(|point| point.0).log10().max(1.0),
            most(|point| point.1),
        );
        let across = MARGIN + (WIDTH - 2.0 * MARGIN) * x.log10() / widest;
        let up = HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * y / (1.2 * highest);
        (across, up)
    }
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}
