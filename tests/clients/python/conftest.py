"""One org for all tests of a file, over TLS as the clients insist."""

import os

import pytest
from org import Network, Org


@pytest.fixture(scope="module")
def org():
    """An org with the sample records, and an environment whose clients trust it."""
    names = ["login.salesforce.com", "test.salesforce.com", "acme.my.salesforce.com"]
    flags = [flag for name in names for flag in ("--tls-name", name)]
    org = Org("--tls", *flags, "--bulk-delay", "20")
    network = Network(org)
    org.proxies = {"https": network.url}
    environment = {"REQUESTS_CA_BUNDLE": org.ca_file, "SSL_CERT_FILE": org.ca_file, "HTTPS_PROXY": network.url}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    yield org
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    network.close()
    org.stop()
