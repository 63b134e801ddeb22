//! Obtaining a session without a person: one login, one answer.
//!
//! The JWT bearer grant is our own request, since the `oauth2` crate has none; the other grants are the
//! crate's. Both share the wire types, the HTTP client without redirects, and the reading of failures.
//! Nothing of an answer but Salesforce's error code and description ever reaches an error.

use super::config::{Auth, Config};
use super::host::PinnedHost;
use super::login_failure::LoginFailure;
use super::{jwt, transport};
use crate::model::SalesforceId;
use crate::runtime::Retry;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
    BasicTokenType,
};
use oauth2::{
    AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest,
    HttpResponse, RefreshToken, RequestTokenError, StandardRevocableToken, StandardTokenResponse,
    TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::time::Duration;
use url::Url;

const TOKEN_PATH: &str = "/services/oauth2/token";

/// Who we are, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The org.
    pub organization_id: SalesforceId,
    /// The integration user.
    pub user_id: SalesforceId,
    /// Where the org serves its APIs, without a trailing slash.
    pub instance_url: String,
    /// The version of the API that is spoken, as in `66.0`.
    pub api_version: String,
}

/// A successful login.
pub(super) struct Grant {
    pub(super) access_token: SecretString,
    pub(super) host: PinnedHost,
    pub(super) organization_id: SalesforceId,
    pub(super) user_id: SalesforceId,
    /// The token that replaces the one just used, where the app rotates them.
    pub(super) refresh_token: Option<SecretString>,
}

/// Performs logins. Holds nothing that changes.
pub(super) struct Login {
    http: reqwest::Client,
    address: Url,
    auth: Auth,
    timeout: Duration,
}

impl Login {
    /// `http` must not follow redirections: they would carry the credentials along.
    pub(super) fn new(http: reqwest::Client, config: Config) -> Self {
        Self { http, address: config.login_url, auth: config.auth, timeout: config.timeout }
    }

    /// Logs in once. `rotated` is the newest refresh token, where an earlier login brought one.
    pub(super) async fn perform(
        &self,
        rotated: Option<&SecretString>,
    ) -> Result<Grant, LoginFailure> {
        let answer = tokio::time::timeout(self.timeout, self.answer(rotated)).await;
        self.grant(&answer.unwrap_or(Err(LoginFailure::Unreachable))?)
    }

    async fn answer(&self, rotated: Option<&SecretString>) -> Result<TokenAnswer, LoginFailure> {
        Ok(match &self.auth {
            Auth::JwtBearer { client_id, username, private_key, audience } => {
                let audience = audience
                    .as_deref()
                    .unwrap_or_else(|| self.address.as_str().trim_end_matches('/'));
                let claims = jwt::Claims::new(client_id, username, audience);
                self.assert_identity(&claims, private_key).await?
            }
            Auth::ClientCredentials { client_id, client_secret } => {
                let client = self.oauth_client(client_id, Some(client_secret))?;
                let exchange = self.exchange();
                client.exchange_client_credentials().request_async(&exchange).await?
            }
            Auth::RefreshToken { client_id, client_secret, refresh_token } => {
                let client = self.oauth_client(client_id, client_secret.as_ref())?;
                let token = rotated.unwrap_or(refresh_token).expose_secret().to_owned();
                let exchange = self.exchange();
                let token = RefreshToken::new(token);
                client.exchange_refresh_token(&token).request_async(&exchange).await?
            }
        })
    }

    async fn assert_identity(
        &self,
        claims: &jwt::Claims<'_>,
        private_key: &SecretString,
    ) -> Result<TokenAnswer, LoginFailure> {
        let mut skew = chrono::TimeDelta::zero();
        for is_last_try in [false, true] {
            let assertion = claims.sign(skew, private_key)?;
            let form = [("grant_type", jwt::GRANT_TYPE), ("assertion", assertion.expose_secret())];
            let request = self.http.post(self.token_url()).form(&form);
            let response = request.send().await.map_err(|_| LoginFailure::Unreachable)?;
            let measured = transport::date_of(response.headers()).and_then(jwt::skew);
            let status = response.status();
            let body = response.bytes().await.map_err(|_| LoginFailure::Unreachable)?;
            if status.is_success() {
                return serde_json::from_slice(&body).map_err(|_| LoginFailure::Malformed);
            }
            let failure = LoginFailure::of_answer(status.as_u16(), &body);
            match measured {
                Some(measured) if !is_last_try && failure.retry() == Retry::Never => {
                    skew = measured;
                }
                _ => return Err(failure),
            }
        }
        Err(LoginFailure::Malformed)
    }

    fn oauth_client(
        &self,
        client_id: &str,
        client_secret: Option<&SecretString>,
    ) -> Result<OauthClient, LoginFailure> {
        let token_url =
            TokenUrl::new(self.token_url().into()).map_err(|_| LoginFailure::Malformed)?;
        let client = oauth2::Client::new(ClientId::new(client_id.to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_token_uri(token_url);
        Ok(match client_secret {
            Some(secret) => {
                client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()))
            }
            None => client,
        })
    }

    /// Our own HTTP client in the shape that the `oauth2` crate takes.
    fn exchange(&self) -> impl Fn(HttpRequest) -> Exchange + use<> {
        let http = self.http.clone();
        move |request| Box::pin(exchange(http.clone(), request))
    }

    fn token_url(&self) -> Url {
        let mut url = self.address.clone();
        url.set_path(TOKEN_PATH);
        url
    }

    fn grant(&self, answer: &TokenAnswer) -> Result<Grant, LoginFailure> {
        let extra = answer.extra_fields();
        let (organization_id, user_id) = identity_of(&extra.id).ok_or(LoginFailure::Malformed)?;
        Ok(Grant {
            access_token: answer.access_token().secret().clone().into(),
            host: PinnedHost::pin(&self.address, &extra.instance_url)?,
            organization_id,
            user_id,
            refresh_token: answer.refresh_token().map(|token| token.secret().clone().into()),
        })
    }
}

type Exchange = Pin<Box<dyn Future<Output = Result<HttpResponse, LoginFailure>> + Send>>;

type TokenAnswer = StandardTokenResponse<SalesforceFields, BasicTokenType>;

type OauthClient = oauth2::Client<
    BasicErrorResponse,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// What Salesforce adds to the standard answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SalesforceFields {
    instance_url: String,
    id: String,
}

impl ExtraTokenFields for SalesforceFields {}

impl From<RequestTokenError<LoginFailure, BasicErrorResponse>> for LoginFailure {
    fn from(error: RequestTokenError<LoginFailure, BasicErrorResponse>) -> Self {
        match error {
            RequestTokenError::Request(failure) => failure,
            RequestTokenError::ServerResponse(refusal) => Self::Refused {
                code: refusal.error().to_string(),
                description: refusal.error_description().cloned().unwrap_or_default(),
            },
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => Self::Malformed,
        }
    }
}

async fn exchange(
    http: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, LoginFailure> {
    let request = reqwest::Request::try_from(request).map_err(|_| LoginFailure::Malformed)?;
    let response = http.execute(request).await.map_err(|_| LoginFailure::Unreachable)?;
    let status = response.status();
    let headers = response.headers().clone();
    let body = response.bytes().await.map_err(|_| LoginFailure::Unreachable)?;
    if !status.is_success() {
        return Err(LoginFailure::of_answer(status.as_u16(), &body));
    }
    let mut answer = HttpResponse::new(body.to_vec());
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    Ok(answer)
}

/// The last two segments of `https://login.salesforce.com/id/<organization>/<user>`.
fn identity_of(id_url: &str) -> Option<(SalesforceId, SalesforceId)> {
    let mut segments = id_url.trim_end_matches('/').rsplit('/');
    let user = SalesforceId::parse(segments.next()?).ok()?;
    let organization = SalesforceId::parse(segments.next()?).ok()?;
    (segments.next()? == "id").then_some((organization, user))
}

#[cfg(test)]
mod tests {
    use super::identity_of;

    #[test]
    fn the_identity_is_read_from_its_address() {
        let (organization, user) =
            identity_of("https://login.salesforce.com/id/00D000000000001EAA/005000000000001")
                .unwrap();
        assert_eq!(organization.as_str(), "00D000000000001EAA");
        assert_eq!(user.as_str(), "005000000000001AAA");
        assert_eq!(identity_of("https://login.salesforce.com/id/00D000000000001EAA"), None);
        assert_eq!(identity_of(""), None);
    }
}
