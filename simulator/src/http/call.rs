//! One request, read whole: what the resources see of HTTP.

use std::io::Read;

use axum::http::{HeaderMap, Method, StatusCode, header::CONTENT_ENCODING, header::CONTENT_TYPE};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;

use crate::exact::keep_digits;
use crate::http::{faults::Trouble, refusal::Refusal, route::percent_decode, sessions::Session};
use crate::{ApiError, Id, org::Writer, value::JsonMap};

/// A request on its way to a resource.
#[derive(Clone)]
pub(crate) struct Call {
    /// The verb, after `_HttpMethod` had its say.
    pub(crate) method: Method,
    /// `vNN.0`; empty outside the versioned resources.
    pub(crate) version: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// The body, no longer compressed.
    pub(crate) body: Bytes,
    /// The org's clock at arrival.
    pub(crate) time: DateTime<Utc>,
    /// Who asks; empty where no session is needed.
    pub(crate) session: Option<Session>,
    /// Rows and jobs that faults make fail.
    pub(crate) trouble: Trouble,
}

impl Call {
    /// A query parameter by its exact name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's value, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The version without its `v`.
    pub(crate) fn version_digits(&self) -> &str {
        self.version.trim_start_matches('v')
    }

    /// The path of a resource of this version, as answers name it.
    pub(crate) fn path_of(&self, resource: &str) -> String {
        format!("/services/data/{}/{resource}", self.version)
    }

    /// The user who asks; of no meaning where no session is needed.
    pub(crate) fn user(&self) -> Id {
        self.session.as_ref().map_or_else(|| Id::generate("005", 0), |session| session.user_id)
    }

    /// The user who asks, with what the headers about writing say.
    pub(crate) fn writer(&self) -> Writer {
        let header = self.header("sforce-duplicate-rule-header").unwrap_or_default();
        let says = |name: &str| {
            header.split([';', ',']).filter_map(|part| part.split_once('=')).any(|(key, value)| {
                key.trim().eq_ignore_ascii_case(name) && value.trim().eq_ignore_ascii_case("true")
            })
        };
        Writer {
            allow_duplicates: says("allowSave"),
            show_duplicates: says("includeRecordDetails"),
            ..Writer::from(self.user())
        }
    }

    /// Lets a fault refuse the one row of this call.
    ///
    /// # Errors
    /// What the fault says.
    pub(crate) fn check_trouble(&self, id: &str, body: &JsonMap) -> Result<(), ApiError> {
        self.trouble.of_json(0, id, body).map_or(Ok(()), Err)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 415 for a body of another type, 400 for JSON that cannot be read.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        if let Some(media_type) = self.media_type()
            && media_type != "application/json"
        {
            return Err(unsupported(&media_type));
        }
        if self.body.is_empty() {
            let message = "The HTTP entity body is required, but this request has no entity body.";
            return Err(Refusal::bad_request("JSON_PARSER_ERROR", message));
        }
        let text = self.body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.body);
        // Read as a value first: of members that are there twice the last one counts.
        serde_json::from_slice(&keep_digits(text))
            .and_then(serde_json::from_value::<T>)
            .map_err(|error| Refusal::malformed_json(&error))
    }

    /// The body as a form; anything that is no form reads as an empty one.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The media type of the body in lower case, without its parameters.
    pub(crate) fn media_type(&self) -> Option<String> {
        let whole = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        Some(whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }
}

/// The 415 for a body of this type.
pub(crate) fn unsupported(media_type: &str) -> Refusal {
    Refusal::rest(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "UNSUPPORTED_MEDIA_TYPE",
        format!("The content type {media_type} is not supported by this resource"),
    )
}

/// Reads a query string or a form.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| percent_decode(&text.replace('+', " "));
            (decode(key), decode(value))
        })
        .collect()
}

/// Undoes the compression of a body.
///
/// # Errors
/// 400 for bytes that are not what the header says, or that grow beyond `limit`; 415 for a
/// compression that Salesforce does not take.
pub(crate) fn decompress(headers: &HeaderMap, body: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    let encoding =
        headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("identity");
    if body.is_empty() {
        return Ok(body);
    }
    let mut plain = Vec::new();
    let most = limit as u64 + 1;
    let read = match encoding.to_ascii_lowercase().as_str() {
        "" | "identity" => return Ok(body),
        "gzip" | "x-gzip" => {
            flate2::read::MultiGzDecoder::new(body.as_ref()).take(most).read_to_end(&mut plain)
        }
        "deflate" => {
            flate2::read::ZlibDecoder::new(body.as_ref()).take(most).read_to_end(&mut plain)
        }
        other => return Err(unsupported(other)),
    };
    match read {
        Ok(_) if plain.len() > limit => Err(too_large()),
        Ok(_) => Ok(plain.into()),
        Err(_) => Err(Refusal::bad_request("BAD_REQUEST", format!("the body is not {encoding}"))),
    }
}

/// The refusal of a body beyond the limit.
pub(crate) fn too_large() -> Refusal {
    Refusal::bad_request("EXCEEDED_MAX_SIZE_REQUEST", "Maximum size of request reached")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_leniently() {
        let read = pairs("q=SELECT+Id%2CName&empty&x=a=b&");

        assert_eq!(
            read,
            [("q", "SELECT Id,Name"), ("empty", ""), ("x", "a=b")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_body_that_is_not_gzip_is_refused_and_a_bomb_is_stopped() {
        use std::io::Write;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(&[b'a'; 1000]).unwrap();
        let compressed = Bytes::from(writer.finish().unwrap());

        assert_eq!(decompress(&headers, compressed.clone(), 1000).unwrap().len(), 1000);
        assert!(decompress(&headers, compressed, 999).is_err());
        assert!(decompress(&headers, Bytes::from_static(b"{}"), 999).is_err());
    }
}
