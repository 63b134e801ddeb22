"""aiosalesforce: asynchronous REST, composite and Bulk 2.0 over httpx."""

import asyncio
import ssl

import httpx
import pytest
from aiosalesforce import Salesforce
from aiosalesforce.auth import ClientCredentialsFlow, JwtBearerFlow, SoapLogin

KEY = "External_Id__c"
BASE = "https://acme.my.salesforce.com"


def drive(org, auth, work):
    """Runs `work(client)` with a client that logs in by `auth`."""

    async def run():
        trust = ssl.create_default_context(cafile=org.ca_file)
        async with httpx.AsyncClient(verify=trust, proxy=org.proxies["https"]) as http:
            return await work(Salesforce(http, base_url=BASE, auth=auth))

    return asyncio.run(run())


@pytest.fixture
def soap(org):
    return SoapLogin(org.username, org.password, "")


def test_every_flow_logs_in(org, soap, tmp_path):
    key = tmp_path / "key.pem"
    key.write_text(org.private_key_pem)
    flows = [soap, ClientCredentialsFlow(org.client_id, org.client_secret), JwtBearerFlow(org.client_id, org.username, key)]

    for flow in flows:
        assert "DailyApiRequests" in drive(org, flow, lambda sf: sf.get_limits())


def test_a_session_that_ends_is_renewed(org, soap):
    async def work(sf):
        await sf.get_limits()
        await asyncio.to_thread(org.control, "POST", "expire-sessions")
        return await sf.get_limits()

    assert drive(org, soap, work)


def test_records_are_written_and_queried(org, soap):
    async def work(sf):
        account = await sf.sobject.create("Account", {"Name": "Async"})
        await sf.sobject.update("Account", account, {"Industry": "Banking"})
        upserted = await sf.sobject.upsert("Account", "aio-1", KEY, {"Name": "Keyed"})
        read = await sf.sobject.get("Account", "aio-1", KEY, fields=["Id", "Name"])
        found = [record async for record in sf.query(f"SELECT Id, Industry FROM Account WHERE Id = '{account}'")]
        contacts = [record async for record in sf.query("SELECT Id FROM Contact")]
        await sf.sobject.delete("Account", account)
        return upserted, read, found, contacts

    upserted, read, found, contacts = drive(org, soap, work)

    assert upserted.created and read["Name"] == "Keyed"
    assert found[0]["Industry"] == "Banking" and len(contacts) > 2000


def test_composite_requests_refer_to_each_other(org, soap):
    async def work(sf):
        async with sf.composite(all_or_none=True) as composite:
            account = composite.sobject.create("Account", {"Name": "Composed"})
            parent = str(account.reference.id)
            contact = composite.sobject.create("Contact", {"LastName": "Part", "AccountId": parent})
        async with sf.composite.batch() as batch:
            one = batch.sobject.create("Account", {"Name": "Batched"})
        return account.id, contact.id, one.id

    account, contact, one = drive(org, soap, work)

    assert account.startswith("001") and contact.startswith("003") and one.startswith("001")


def test_bulk_tells_the_outcome_of_each_record(org, soap):
    async def work(sf):
        sf.bulk_v2.ingest  # noqa: B018 - the low-level client is reachable
        inserted = await sf.bulk_v2.insert("Account", [{"Name": f"Aio {n}", KEY: f"aio-b{n}"} for n in range(5)])
        upserted = await sf.bulk_v2.upsert("Account", [{KEY: f"aio-b{n}", "Name": "x"} for n in range(3, 7)], KEY)
        ids = [{"Id": row["sf__Id"]} for row in inserted.successful_results]
        deleted = await sf.bulk_v2.delete("Account", ids)
        return inserted, upserted, deleted

    inserted, upserted, deleted = drive(org, soap, work)

    assert len(inserted.successful_results) == 5 and not inserted.failed_results
    assert sorted(row["sf__Created"] for row in upserted.successful_results) == ["false", "false", "true", "true"]
    assert len(deleted.successful_results) == 5
