"""simple-salesforce: every way to log in."""

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceExpiredSession


def works(sf: Salesforce) -> None:
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] >= 0


def test_user_name_password_and_security_token_log_in_by_soap(org):
    works(Salesforce(username=org.username, password=org.password, security_token=""))


def test_the_security_token_may_follow_the_password(org):
    works(Salesforce(username=org.username, password=org.password, security_token=org.security_token))


def test_an_organization_id_logs_in_by_soap(org):
    works(Salesforce(username=org.username, password=org.password, organizationId="00D000000000001"))


def test_a_sandbox_and_a_domain_of_its_own_log_in(org):
    works(Salesforce(username=org.username, password=org.password, security_token="", domain="test"))
    works(Salesforce(username=org.username, password=org.password, security_token="", domain="acme.my"))


def test_a_wrong_password_is_refused(org):
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        Salesforce(username=org.username, password="wrong", security_token="")

    assert refused.value.code == "INVALID_LOGIN"


def test_the_password_flow_logs_in_and_refuses(org):
    app = {"consumer_key": org.client_id, "consumer_secret": org.client_secret}
    works(Salesforce(username=org.username, password=org.password, **app))

    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        Salesforce(username=org.username, password="wrong", **app)

    assert refused.value.code == "invalid_grant"


def test_a_signed_assertion_logs_in(org):
    works(Salesforce(username=org.username, consumer_key=org.client_id, privatekey=org.private_key_pem))
    works(Salesforce(username=org.username, consumer_key=org.client_id, privatekey=org.private_key_pem, domain="test"))


def test_client_credentials_log_in_at_a_domain_of_their_own(org):
    works(Salesforce(consumer_key=org.client_id, consumer_secret=org.client_secret, domain="acme.my"))


def test_a_session_can_be_handed_over_and_expires(org):
    sf = Salesforce(instance=org.host, session_id=org.access_token)
    works(sf)
    assert sf.is_sandbox() in (True, False)

    with pytest.raises(SalesforceExpiredSession):
        Salesforce(instance=org.host, session_id="00D000000000001!nonsense").query("SELECT Id FROM Account")


def test_userinfo_is_told(org):
    sf = Salesforce(instance=org.host, session_id=org.access_token)

    assert sf.oauth2("userinfo")["preferred_username"] == org.username
