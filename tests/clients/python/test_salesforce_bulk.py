"""salesforce-bulk: Bulk API 1.0 with XML control messages."""

import json

import pytest
from salesforce_bulk import CsvDictsAdapter, SalesforceBulk


@pytest.fixture(scope="module")
def bulk(org):
    return SalesforceBulk(username=org.username, password=org.password, security_token="", API_version="40.0")


def test_rows_are_inserted_and_their_outcomes_read(bulk):
    job = bulk.create_insert_job("Account", contentType="CSV", concurrency="Parallel")
    batch = bulk.post_batch(job, CsvDictsAdapter(iter([{"Name": "One"}, {"Name": ""}])))
    bulk.wait_for_batch(job, batch, timeout=30, sleep_interval=0.05)
    bulk.close_job(job)

    results = bulk.get_batch_results(batch, job)

    assert [result.success for result in results] == ["true", "false"]
    assert "REQUIRED_FIELD_MISSING" in results[1].error
    assert bulk.job_state(job) == "Closed"
    assert bulk.batch_status(batch, job)["numberRecordsProcessed"] == "2"
    assert [each["id"] for each in bulk.get_batch_list(job)] == [batch]


def test_rows_are_queried_as_csv_and_as_json(bulk):
    for content_type in ("CSV", "JSON"):
        job = bulk.create_query_job("Contact", contentType=content_type)
        batch = bulk.query(job, "SELECT Id, LastName FROM Contact LIMIT 10", contentType=content_type)
        bulk.close_job(job)
        bulk.wait_for_batch(job, batch, timeout=30, sleep_interval=0.05)
        [result] = list(bulk.get_all_results_for_query_batch(batch, job))
        text = result.read().decode()
        rows = json.loads(text) if content_type == "JSON" else text.splitlines()[1:]
        assert len(rows) == 10, content_type


def test_a_job_is_aborted(bulk):
    job = bulk.create_insert_job("Account", contentType="CSV")

    bulk.abort_job(job)

    assert bulk.job_state(job) == "Aborted"
