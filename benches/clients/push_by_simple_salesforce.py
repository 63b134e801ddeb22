"""Sends rows of Postgres to Salesforce with simple-salesforce, as its users do it.

    push_by_simple_salesforce.py collections|bulk STEPS

STEPS is a JSON file: a list of {"operation", "object", "rows", "note"}. `rows` is a query whose columns have
Salesforce's names. `note` writes the new ids back, from a table `done (key, sfid)` made of the answers; it may be
null. DATABASE_URL, SALESFORCE_URL and SALESFORCE_SESSION are taken from the environment. Postgres is spoken to
by psql, which costs less than a driver. Every record must be accepted.
"""

import csv
import io
import json
import os
import subprocess
import sys
import tempfile

from simple_salesforce import Salesforce

KEY = "External_Id__c"
METHODS = {"insert": "POST", "update": "PATCH", "delete": "DELETE"}


def psql(*commands: str) -> str:
    arguments = [argument for command in commands for argument in ("-c", command)]
    program = ["psql", os.environ["DATABASE_URL"], "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1"]
    return subprocess.run(program + arguments, check=True, stdout=subprocess.PIPE, text=True).stdout


def note(statement: str, done: list[tuple[str, str]]) -> None:
    """Gives the rows the ids that Salesforce gave the records."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as file:
        csv.writer(file).writerows(done)
        file.flush()
        psql("create temp table done (key text, sfid text)", f"\\copy done from '{file.name}' csv", statement)


def by_collections(sf: Salesforce, step: dict) -> list[tuple[str, str]]:
    lines = psql(f"select row_to_json(row) from ({step['rows']}) as row").splitlines()
    rows = [json.loads(line) for line in lines]
    done = []
    for start in range(0, len(rows), 200):
        part = rows[start : start + 200]
        method = METHODS[step["operation"]]
        if method == "DELETE":
            ids = ",".join(row["Id"] for row in part)
            answers = sf.restful("composite/sobjects", params={"ids": ids, "allOrNone": "false"}, method=method)
        else:
            records = [{"attributes": {"type": step["object"]}, **row} for row in part]
            answers = sf.restful("composite/sobjects", method=method, json={"allOrNone": False, "records": records})
        for row, answer in zip(part, answers, strict=True):
            if not answer["success"]:
                raise RuntimeError(answer["errors"])
            done.append((row.get(KEY), answer["id"]))
    return done


def by_bulk(sf: Salesforce, step: dict) -> list[tuple[str, str]]:
    done = []
    bulk = getattr(sf.bulk2, step["object"])
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        psql(f"\\copy ({step['rows']}) to '{file.name}' csv header")
        for job in getattr(bulk, step["operation"])(file.name, wait=1):
            if job["numberRecordsFailed"]:
                raise RuntimeError(bulk.get_failed_records(job["job_id"]))
            if step["note"]:
                results = csv.DictReader(io.StringIO(bulk.get_successful_records(job["job_id"])))
                done += [(row[KEY], row["sf__Id"]) for row in results]
    return done


def main() -> None:
    send = {"collections": by_collections, "bulk": by_bulk}[sys.argv[1]]
    url = os.environ["SALESFORCE_URL"]
    sf = Salesforce(instance_url=url, session_id=os.environ["SALESFORCE_SESSION"], version="66.0")
    # It knows https only; without TLS, as everybody here, it has less to do.
    sf.base_url = f"{url}/services/data/v66.0/"
    sf.bulk2_url = f"{sf.base_url}jobs/"
    with open(sys.argv[2], encoding="utf-8") as file:
        steps = json.load(file)
    for step in steps:
        done = send(sf, step)
        if step["note"]:
            note(step["note"], done)


main()
