//! Logging in by SOAP, which needs no connected app, and telling who is logged in.

use crate::http::{
    call::Call,
    oauth,
    refusal::Refusal,
    sessions::Session,
    soap::{Answer, Operation, envelope::Envelope, fault::Fault},
    world::{Person, World},
    xml::Element,
};

/// What a wrong login is told, whatever was wrong.
const WRONG: &str = "Invalid username, password, security token; or user locked out.";

/// Lets in whoever has a session, by the header of the envelope.
///
/// # Errors
/// `INVALID_SESSION_ID`, also for access tokens in the form of JWTs, which SOAP does not take.
pub(super) fn authenticate(
    world: &World,
    call: &mut Call,
    envelope: &Envelope,
) -> Result<(), Fault> {
    let token = envelope.header("SessionHeader", "sessionId");
    let session = world.sessions().touch(token, call.time);
    let session = session.filter(|session| session.has_scope("api") && !token.starts_with("eyJ"));
    let Some(session) = session else {
        let text = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found";
        return Err(Fault::new("INVALID_SESSION_ID", text));
    };
    call.session = Some(session);
    Ok(())
}

impl Operation<'_> {
    pub(super) fn log_in(&mut self) -> Answer {
        let (username, password) =
            (self.request().text_of("username"), self.request().text_of("password"));
        let rules = self.world.sessions().policy.rules.clone();
        if !rules.soap_login {
            let text = "SOAP API login() is disabled by default in this org.";
            return Err(Fault::new("INVALID_OPERATION", text));
        }
        let person = self.world.person_named(username);
        let Some(person) =
            person.filter(|_| oauth::check_password(self.world, (username, password), false))
        else {
            return Err(Fault::new("INVALID_LOGIN", WRONG));
        };
        if !oauth::check_password(self.world, (username, password), rules.security_token_required) {
            let text = format!(
                "{WRONG} Are you at a new location? From outside of your company's trusted \
                 networks you must add a security token to your password to log in."
            );
            return Err(Fault::new("LOGIN_MUST_USE_SECURITY_TOKEN", text));
        }
        let time = self.call.time;
        let admitted = self.world.sessions().policy.let_in(&person.username, time);
        admitted.map_err(|refusal| refused(&refusal))?;
        let session = Session {
            client_id: String::new(),
            ..Session::full(person.id, &person.username, time)
        };
        let token = self.world.sessions().admit(session.clone());
        self.call.session = Some(session);
        let url = self.world.url();
        let version = self.call.version_digits();
        let organization = self.world.organization_id();
        let short = organization.get(..15).unwrap_or_default();
        let letter = self.flavor.letter();
        let result = Element::new("result").holding([
            Element::of("metadataServerUrl", format!("{url}/services/Soap/m/{version}/{short}")),
            Element::of("passwordExpired", "false"),
            Element::of("sandbox", "false"),
            Element::of("serverUrl", format!("{url}/services/Soap/{letter}/{version}/{short}")),
            Element::of("sessionId", token),
            Element::of("userId", person.id.to_string()),
            self.about("userInfo", &person),
        ]);
        Ok(vec![result])
    }

    pub(super) fn log_out(&self) -> Vec<Element> {
        let token = self.envelope.header("SessionHeader", "sessionId");
        self.world.sessions().revoke(token);
        Vec::new()
    }

    pub(super) fn user_info(&mut self) -> Answer {
        let person = self.world.person(self.call.user());
        let person = person.ok_or_else(|| Fault::new("INVALID_SESSION_ID", "no such user"))?;
        Ok(vec![self.about("result", &person)])
    }

    pub(super) fn server_timestamp(&self) -> Vec<Element> {
        let now = self.world.now().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        vec![Element::new("result").holding([Element::of("timestamp", now)])]
    }

    fn about(&self, name: &str, person: &Person) -> Element {
        let names = self.world.org().names(person.id);
        let lifetime = self.world.sessions().lifetime().num_seconds();
        Element::new(name).holding([
            Element::of("accessibilityMode", "false"),
            Element::of("currencySymbol", "$"),
            Element::of("orgAttachmentFileSizeLimit", "5242880"),
            Element::of("orgDefaultCurrencyIsoCode", "USD"),
            Element::of("orgDisallowHtmlAttachments", "false"),
            Element::of("orgHasPersonAccounts", "false"),
            Element::of("organizationId", self.world.organization_id()),
            Element::of("organizationMultiCurrency", "false"),
            Element::of("organizationName", "Simulated org"),
            Element::of("profileId", "00e000000000001AAA"),
            Element::nil("roleId"),
            Element::of("sessionSecondsValid", lifetime.to_string()),
            Element::nil("userDefaultCurrencyIsoCode"),
            Element::of("userEmail", names.email.unwrap_or_else(|| person.username.clone())),
            Element::of("userFullName", names.display),
            Element::of("userId", person.id.to_string()),
            Element::of("userLanguage", "en_US"),
            Element::of("userLocale", "en_US"),
            Element::of("userName", person.username.as_str()),
            Element::of("userTimeZone", "GMT"),
            Element::of("userType", "Standard"),
            Element::of("userUiSkin", "Theme3"),
        ])
    }
}

/// SOAP's word for what the door says.
fn refused(refusal: &Refusal) -> Fault {
    match refusal {
        Refusal::OAuth { error: "inactive_org", description } => {
            Fault::new("ORG_LOCKED", description.as_str())
        }
        Refusal::OAuth { error: "rate_limit_exceeded", description } => {
            Fault::new("REQUEST_LIMIT_EXCEEDED", description.as_str())
        }
        _ => Fault::new("LOGIN_DURING_RESTRICTED_DOMAIN", "login from a restricted address"),
    }
}
