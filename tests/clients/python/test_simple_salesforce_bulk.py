"""simple-salesforce: Bulk API 2.0 and Bulk API 1.0."""

import csv
import io

import pytest
from simple_salesforce import Salesforce

KEY = "External_Id__c"


@pytest.fixture(scope="module")
def sf(org):
    return Salesforce(instance=org.host, session_id=org.access_token)


def accounts(start: int, end: int) -> list[dict]:
    return [{"Name": f"Bulk {n}", KEY: f"b{n}"} for n in range(start, end)]


def rows(text: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(text)))


def test_bulk2_tells_the_outcome_of_each_record(sf):
    [job] = sf.bulk2.Account.insert(records=[*accounts(0, 3), {"Name": "", KEY: "bad"}], wait=1)
    assert (job["numberRecordsTotal"], job["numberRecordsFailed"]) == (4, 1)

    outcomes = sf.bulk2.Account.get_all_ingest_records(job["job_id"])

    assert len(outcomes["successfulRecords"]) == 3
    assert outcomes["failedRecords"][0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING")
    assert outcomes["unprocessedRecords"] == []
    assert sf.bulk2.Account.get_failed_records(job["job_id"])
    assert sf.bulk2.Account.get_successful_records(job["job_id"])
    assert sf.bulk2.Account.get_unprocessed_records(job["job_id"])


def test_bulk2_upserts_changes_and_deletes(sf, tmp_path):
    [upserted] = sf.bulk2.Account.upsert(records=accounts(2, 5), external_id_field=KEY, wait=1)
    created = [row["sf__Created"] for row in rows(sf.bulk2.Account.get_successful_records(upserted["job_id"]))]
    ids = [row["sf__Id"] for row in rows(sf.bulk2.Account.get_successful_records(upserted["job_id"]))]
    [updated] = sf.bulk2.Account.update(records=[{"Id": each, "Name": "Changed"} for each in ids], wait=1)
    [deleted] = sf.bulk2.Account.delete(records=[{"Id": each} for each in ids], wait=1)
    path = tmp_path / "accounts.csv"
    path.write_text("Name,External_Id__c\nFrom a file,f1\n")
    [from_file] = sf.bulk2.Account.insert(str(path), wait=1)

    assert sorted(created) == ["false", "true", "true"]
    for job in (upserted, updated, deleted, from_file):
        assert job["numberRecordsFailed"] == 0


def test_bulk2_queries_page_and_download(sf, tmp_path):
    sf.bulk2.Account.insert(records=accounts(1000, 3500), wait=1)

    pages = list(sf.bulk2.Account.query("SELECT Id, Name FROM Account", max_records=1000, wait=1))
    everything = list(sf.bulk2.Account.query_all("SELECT Id, IsDeleted FROM Account", wait=1))
    files = sf.bulk2.Account.download("SELECT Id FROM Account", path=str(tmp_path), max_records=2000, wait=1)

    live = [row for page in pages for row in rows(page)]
    assert len(pages) > 1 and len(live) == len({row["Id"] for row in live})
    assert any(row["IsDeleted"] == "true" for page in everything for row in rows(page))
    assert sum(file["number_of_records"] for file in files) == len(live)


def test_bulk1_answers_in_input_order(sf):
    inserted = sf.bulk.Account.insert([{"Name": "First"}, {"Industry": "Banking"}, {"Name": "Third"}], include_detailed_results=False)
    upserted = sf.bulk.Account.upsert(accounts(9000, 9003), KEY, batch_size=2)
    ids = [{"Id": row["id"]} for row in upserted]
    updated = sf.bulk.Account.update([{**row, "Name": "Changed"} for row in ids])
    deleted = sf.bulk.Account.delete(ids)
    again = sf.bulk.submit_dml("Account", "insert", [{"Name": "By name"}])

    assert [row["success"] for row in inserted] == [True, False, True]
    assert inserted[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert [row["created"] for row in upserted] == [True] * 3
    assert all(row["success"] for row in [*updated, *deleted, *again])


def test_bulk1_queries(sf):
    found = sf.bulk.Account.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk 1%'")
    lazily = [row for page in sf.bulk.Account.query("SELECT Id FROM Account", lazy_operation=True) for row in page]
    everything = sf.bulk.Account.query_all("SELECT Id FROM Account")

    assert found and all(row["Name"].startswith("Bulk 1") for row in found)
    assert len(everything) >= len(lazily) > 0
