"""A simulated org as a process, and the network that leads Salesforce's own host names to it."""

import json
import os
import select
import socket
import subprocess
import threading
import urllib.request


class Org:
    """An org that runs until `stop()`. Its attributes are what the simulator prints with `--json`."""

    def __init__(self, *flags: str) -> None:
        command = [os.environ["SIMULATOR"], "--port", "0", "--json", *flags]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self._process.stdout.readline())
        for name, value in ready.items():
            setattr(self, name, value)
        self.ready = ready
        self.port = int(self.url.rsplit(":", 1)[1])
        self.host = f"localhost:{self.port}"

    def control(self, method: str, route: str, body: object = None, context=None) -> object:
        """Steers the org through its control interface."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/__org/v1/{route}", data=data, method=method)
        with urllib.request.urlopen(request, context=context) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)


class Network:
    """An HTTP proxy on loopback that takes every `*.salesforce.com` to one org.

    Some clients build the host names themselves and cannot be told an address; a proxy is the setting
    that all of them have. It only connects, so TLS is checked end to end.
    """

    def __init__(self, org: Org) -> None:
        self._org = org
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(4096)
            if not piece:
                return
            head += piece
        _method, target, _version = head.split(b"\r\n", 1)[0].decode().split(" ")
        host = target.rsplit(":", 1)[0]
        known = host in ("localhost", "127.0.0.1") or host.endswith(".salesforce.com")
        if not known:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self._org.port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        ends = {client: server, server: client}
        while ends:
            readable, _, _ = select.select(list(ends), [], [], 60)
            if not readable:
                break
            for end in readable:
                try:
                    data = end.recv(65536)
                    ends[end].sendall(data)
                except OSError:
                    data = b""
                if not data:
                    client.close()
                    server.close()
                    return

    def close(self) -> None:
        self._listener.close()
