//! JSON objects as a table for people.

use plugboard_config::{duration, width};
use plugboard_model::Timestamp;
use plugboard_phrases::Language;
use serde_json::Value;

/// Title, JSON Pointer of the value in each item, and how it is written.
pub(super) type Column = (&'static str, &'static str, Cell);

#[derive(Clone, Copy, Debug)]
pub(super) enum Cell {
    Text,
    /// Milliseconds, as a duration.
    Millis,
    /// Microseconds, as seconds.
    Micros,
    /// 0 to 1, in per cent.
    Share,
    /// A point in time, down to milliseconds.
    Time,
    /// The number of an interaction: `i42`.
    Interaction,
}

/// Columns as wide as their widest cell, in terminal columns.
pub(super) fn table(items: &[Value], columns: &[Column], language: Language) -> String {
    let head = columns.iter().map(|(title, ..)| language.say(title).to_uppercase());
    let mut rows: Vec<Vec<String>> = vec![head.collect()];
    let row = |item: &Value| -> Vec<String> {
        columns.iter().map(|(_, pointer, cell)| written(item.pointer(pointer), *cell, language)).collect()
    };
    rows.extend(items.iter().map(row));
    let widest: Vec<usize> =
        (0..columns.len()).map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, widest) in row.iter().zip(&widest) {
            line += cell;
            line += &" ".repeat(widest - width(cell) + 2);
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn written(value: Option<&Value>, cell: Cell, language: Language) -> String {
    let number = value.and_then(Value::as_u64);
    match (cell, value, number) {
        (_, None | Some(Value::Null), _) => "-".to_owned(),
        // Nobody reads milliseconds of a wait.
        (Cell::Millis, Some(millis), _) => {
            duration::written(millis.as_f64().unwrap_or_default() as u64 / 1_000 * 1_000)
        }
        (Cell::Micros, Some(micros), _) => format!("{:.3} s", micros.as_f64().unwrap_or_default() / 1e6),
        (Cell::Share, Some(share), _) => format!("{:.1} %", share.as_f64().unwrap_or_default() * 100.0),
        (Cell::Time, Some(Value::String(text)), _) => time(text),
        (Cell::Interaction, _, Some(number)) => format!("i{number}"),
        (_, Some(Value::String(text)), _) => text.chars().map(|c| if c.is_control() { '·' } else { c }).collect(),
        (_, Some(Value::Bool(yes)), _) => language.say(if *yes { "yes" } else { "no" }).into_owned(),
        (_, Some(other), _) => other.to_string(),
    }
}

/// Nobody reads microseconds either.
pub(super) fn time(text: &str) -> String {
    Timestamp::from_rfc3339(text).map_or_else(|| "?".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_stand_below_each_other_with_chinese_names_too() {
        let items = [
            json!({ "id": "lily", "name": "小李 Lily", "wait": 61_500, "on": true }),
            json!({ "id": "amy", "name": "Amy\u{1b}[2J", "wait": null, "on": false }),
        ];
        let columns = [
            ("agent", "/id", Cell::Text),
            ("name", "/name", Cell::Text),
            ("wait", "/wait", Cell::Millis),
            ("phone", "/on", Cell::Text),
        ];
        expect![[r#"
            AGENT  NAME       WAIT  PHONE
            lily   小李 Lily  1m1s  yes
            amy    Amy·[2J    -     no
        "#]]
        .assert_eq(&table(&items, &columns, Language::English));
        expect![[r#"
            座席  名称       等待时长  话机
            lily  小李 Lily  1m1s      是
            amy   Amy·[2J    -         否
        "#]]
        .assert_eq(&table(&items, &columns, Language::Chinese));
    }
}
