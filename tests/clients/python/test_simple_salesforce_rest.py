"""simple-salesforce: everything but Bulk."""

import base64
import datetime

import pytest
from simple_salesforce import Salesforce, format_soql
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceMoreThanOneRecord, SalesforceResourceNotFound

KEY = "External_Id__c"


@pytest.fixture(scope="module")
def sf(org):
    return Salesforce(instance=org.host, session_id=org.access_token)


def test_the_org_and_its_objects_are_described(sf):
    names = {sobject["name"] for sobject in sf.describe()["sobjects"]}
    account = sf.Account.describe()

    assert {"Account", "Contact", "User"} <= names
    assert {"Id", "Name", "SystemModstamp"} <= {field["name"] for field in account["fields"]}
    assert sf.Account.metadata()["objectDescribe"]["name"] == "Account"
    record_type = account["recordTypeInfos"][0]["recordTypeId"]
    assert sf.Account.describe_layout(record_type) is not None


def test_limits_and_usage_are_told(sf):
    limits = sf.limits()

    assert limits["DailyApiRequests"]["Remaining"] <= limits["DailyApiRequests"]["Max"]
    assert sf.api_usage["api-usage"].used > 0


def test_a_record_lives_its_life(sf):
    created = sf.Account.create({"Name": "One", "NumberOfEmployees": 3})
    assert created["success"] and len(created["id"]) == 18
    account = created["id"]
    assert sf.Account.get(account)["NumberOfEmployees"] == 3
    assert sf.Account.update(account, {"NumberOfEmployees": None}) == 204
    assert sf.Account.get(account)["NumberOfEmployees"] is None

    assert sf.Account.upsert(f"{KEY}/ss-1", {"Name": "Keyed"}) == 201
    assert sf.Account.upsert(f"{KEY}/ss-1", {"Name": "Keyed again"}) == 200
    assert sf.Account.get_by_custom_id(KEY, "ss-1")["Name"] == "Keyed again"

    assert sf.Account.delete(account) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get(account)
    with pytest.raises(SalesforceResourceNotFound) as gone:
        sf.Account.update(account, {"Name": "x"})
    assert gone.value.content[0]["errorCode"] == "ENTITY_IS_DELETED"


def test_refusals_carry_salesforces_codes(sf):
    table = [
        ({}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "x", "Nothing__c": 1}, "INVALID_FIELD"),
        ({"Name": "x" * 256}, "STRING_TOO_LONG"),
        ({"Name": "x", "AnnualRevenue": "banana"}, "JSON_PARSER_ERROR"),
    ]
    for body, code in table:
        with pytest.raises(SalesforceMalformedRequest) as refused:
            sf.Account.create(body)
        assert refused.value.content[0]["errorCode"] == code


def test_a_query_pages_by_hand_and_by_itself(sf):
    soql = "SELECT Id, Name, Account.Name FROM Contact"
    first = sf.query(soql)
    total = first["totalSize"]
    assert total > 2000 and not first["done"]

    by_url = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    by_locator = sf.query_more(first["nextRecordsUrl"].rsplit("/", 1)[1])

    assert by_url["records"] == by_locator["records"]
    assert len(sf.query_all(soql)["records"]) == total
    assert len({record["Id"] for record in sf.query_all_iter(soql)}) == total


def test_quoted_text_finds_what_was_stored(sf):
    name = "O'Brien \\ \"Söhne\" \N{GRINNING FACE}"
    account = sf.Account.create({"Name": name})["id"]

    found = sf.query(format_soql("SELECT Id FROM Account WHERE Name = {} AND Name LIKE '{:like}%'", name, "O'Brien"))

    assert [record["Id"] for record in found["records"]] == [account]


def test_children_aggregates_and_dates_are_queried(sf):
    children = sf.query("SELECT Id, (SELECT LastName FROM Contacts LIMIT 1) FROM Account WHERE Id IN (SELECT AccountId FROM Contact) LIMIT 3")
    groups = sf.query("SELECT Industry, COUNT(Id) n, MAX(CreatedDate) FROM Account GROUP BY Industry ORDER BY COUNT(Id) DESC NULLS LAST")
    today = sf.query(format_soql("SELECT COUNT() FROM Account WHERE CreatedDate < {}", datetime.datetime.now(datetime.timezone.utc)))

    assert all(record["Contacts"]["totalSize"] == 1 for record in children["records"])
    assert groups["records"][0]["n"] >= groups["records"][-1]["n"]
    assert today["totalSize"] > 0


def test_deleted_records_are_in_query_all_and_in_deleted(sf, org):
    account = sf.Account.create({"Name": "Short lived"})["id"]
    sf.Account.delete(account)
    org.control("POST", "clock", {"advance_seconds": 120})
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = now - datetime.timedelta(minutes=10), now + datetime.timedelta(minutes=2)

    everything = sf.query(f"SELECT Id, IsDeleted FROM Account WHERE Id = '{account}'", include_deleted=True)
    deleted = sf.Account.deleted(start, end)
    updated = sf.Account.updated(start, end)

    assert everything["records"][0]["IsDeleted"]
    assert account in [record["id"] for record in deleted["deletedRecords"]]
    assert updated["ids"] and updated["latestDateCovered"]


def test_search_finds_words(sf):
    sf.Account.create({"Name": "Zanzibar Spices"})

    found = sf.search("FIND {Zanzibar} IN NAME FIELDS RETURNING Account(Id, Name)")
    quick = sf.quick_search("Zanzibar")

    assert [record["Name"] for record in found["searchRecords"]] == ["Zanzibar Spices"]
    assert quick["searchRecords"]


def test_composite_requests_are_made_by_hand(sf):
    base = f"/services/data/v{sf.sf_version}"
    body = {
        "allOrNone": True,
        "compositeRequest": [
            {"method": "POST", "url": f"{base}/sobjects/Account", "referenceId": "a", "body": {"Name": "Composed"}},
            {"method": "POST", "url": f"{base}/sobjects/Contact", "referenceId": "c", "body": {"LastName": "x", "AccountId": "@{a.id}"}},
        ],
    }

    answer = sf.restful("composite", method="POST", json=body)
    collection = sf.restful(
        "composite/sobjects", method="POST",
        json={"allOrNone": False, "records": [{"attributes": {"type": "Account"}, "Name": n} for n in ("a", None)]},
    )
    tree = sf.restful(
        "composite/tree/Account", method="POST",
        json={"records": [{"attributes": {"type": "Account", "referenceId": "r"}, "Name": "Tree"}]},
    )

    assert [part["httpStatusCode"] for part in answer["compositeResponse"]] == [201, 201]
    assert [part["success"] for part in collection] == [True, False]
    assert not tree["hasErrors"]


def test_files_are_carried_as_base64(sf, tmp_path):
    account = sf.Account.create({"Name": "With a file"})["id"]
    path = tmp_path / "hello.txt"
    path.write_bytes(b"hello")
    # The client sends the file's bytes alone, so the object's other required fields come first.
    body = base64.b64encode(path.read_bytes()).decode()
    attachment = sf.Attachment.create({"Name": "hello.txt", "ParentId": account, "Body": body})["id"]

    assert sf.Attachment.get_base64(attachment) == b"hello"
    assert sf.Attachment.update_base64(attachment, str(path)) == 204


def test_the_tooling_interface_answers(sf):
    assert "records" in sf.toolingexecute("query/?q=SELECT+Id+FROM+ApexClass")


def test_several_records_with_one_key_are_told_apart(sf, org):
    org.control("POST", "schema/Account/fields", {"name": "Loose_Key__c", "type": "string", "length": 40, "externalId": True})
    for _ in range(2):
        sf.Account.create({"Name": "Twin", "Loose_Key__c": "twin"})

    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Account.get_by_custom_id("Loose_Key__c", "twin")


def test_a_password_is_set(sf, org):
    user = sf.query(f"SELECT Id FROM User WHERE Username = '{org.user_username}'")["records"][0]["Id"]

    sf.set_password(user, "a-new-password-1")

    assert Salesforce(username=org.user_username, password="a-new-password-1", security_token="").session_id
