//! How the rows of a batch ended, in their order and in the type of their job.

use serde_json::{Value, json};

use crate::http::{
    async_bulk::{answer::NAMESPACE, batch::End, job::Content},
    bulk::CsvFormat,
    xml::Element,
};

/// The results of a batch that wrote.
pub(super) fn of_rows(content: Content, ends: &[End]) -> String {
    match content {
        Content::Csv => as_csv(ends),
        Content::Json => Value::Array(ends.iter().map(as_json).collect()).to_string(),
        Content::Xml => {
            let results = ends.iter().map(as_json);
            let results = results.flat_map(|result| Element::all_of_json("result", &result));
            Element::new("results").with("xmlns", NAMESPACE).holding(results).document()
        }
    }
}

fn as_csv(ends: &[End]) -> String {
    let format = CsvFormat::default();
    let mut text = String::new();
    format.write(["Id", "Success", "Created", "Error"], &mut text);
    for end in ends {
        let (id, success, created, error) = match end {
            Ok((id, is_new)) => (id.to_string(), "true", is_new.to_string(), String::new()),
            Err(error) => (String::new(), "false", "false".to_owned(), error.to_bulk_text()),
        };
        format.write([id.as_str(), success, &created, &error], &mut text);
    }
    text
}

fn as_json(end: &End) -> Value {
    match end {
        Ok((id, is_new)) => {
            json!({ "success": true, "created": is_new, "id": id.to_string(), "errors": [] })
        }
        Err(error) => {
            let mut told = error.to_row_json();
            if let Some(members) = told.as_object_mut() {
                members.insert("extendedErrorDetails".to_owned(), Value::Null);
            }
            json!({ "success": false, "created": false, "id": null, "errors": [told] })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApiError, Id};

    #[test]
    fn results_stand_in_the_order_of_their_rows() {
        let id = Id::generate("001", 1);
        let error = ApiError::row("REQUIRED_FIELD_MISSING", "Required: [Name]", &["Name"]);
        let ends = [Ok((id, true)), Err(error), Ok((id, false))];

        let csv = of_rows(Content::Csv, &ends);
        let xml = of_rows(Content::Xml, &ends);

        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], "\"Id\",\"Success\",\"Created\",\"Error\"");
        assert_eq!(lines[1], format!("\"{id}\",\"true\",\"true\",\"\""));
        assert_eq!(
            lines[2],
            "\"\",\"false\",\"false\",\"REQUIRED_FIELD_MISSING:Required: [Name]:Name --\""
        );
        assert_eq!(lines[3], format!("\"{id}\",\"true\",\"false\",\"\""));
        assert_eq!(xml.matches("<result>").count(), 3);
        assert!(xml.contains("<statusCode>REQUIRED_FIELD_MISSING</statusCode>"), "{xml}");
    }
}
