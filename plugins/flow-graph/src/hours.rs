//! Working hours as a document writes them.

use serde_json::Value as Json;

use crate::{
    calendar::{Calendar, Date, Span, parse_span},
    fields::Fields,
};

pub(crate) fn calendar(fields: &Fields<'_>) -> Calendar {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut calendar = Calendar::default();
    let bad_spans = |name: &str, at: &str| {
        let message = format!("the hours of {at:?} cannot be read");
        fields.error(name, "bad-hours", message, "write [\"09:00-12:00\", \"13:00-18:00\"]");
    };
    match fields.get("week") {
        Some(Json::Object(week)) => {
            for (day, json) in week {
                let Some(weekday) = DAYS.iter().position(|name| name == day) else {
                    fields.error(
                        "week",
                        "bad-day",
                        format!("no day is called {day:?}"),
                        "use mon, tue, wed, thu, fri, sat, sun",
                    );
                    continue;
                };
                match spans(json) {
                    Some(spans) => calendar.week[weekday] = spans,
                    None => bad_spans("week", day),
                }
            }
        }
        Some(_) | None => fields.missing("week", "write { \"mon\": [\"09:00-18:00\"], … }"),
    }
    let bad_date = |name: &str, date: &str| {
        fields.error(
            name,
            "bad-date",
            format!("{date:?} is no date"),
            "write \"2026-10-01\", or \"10-01\" for each year",
        );
    };
    match fields.get("holidays") {
        None => {}
        Some(Json::Array(dates)) => {
            for date in dates {
                match date.as_str().and_then(Date::parse) {
                    Some(date) => {
                        calendar.holidays.insert(date);
                    }
                    None => bad_date("holidays", date.as_str().unwrap_or("this")),
                }
            }
        }
        Some(_) => bad_date("holidays", "this"),
    }
    match fields.get("special") {
        None => {}
        Some(Json::Object(days)) => {
            for (date, json) in days {
                match (Date::parse(date), spans(json)) {
                    (Some(date), Some(spans)) => {
                        calendar.special.insert(date, spans);
                    }
                    (None, _) => bad_date("special", date),
                    (_, None) => bad_spans("special", date),
                }
            }
        }
        Some(_) => bad_date("special", "this"),
    }
    calendar
}

fn spans(json: &Json) -> Option<Vec<Span>> {
    json.as_array()?.iter().map(|text| parse_span(text.as_str()?)).collect()
}
