"""`python -m devstack.fuzz.bystander URL`: asks for next to nothing, again and again, and says how long it waited.

In a process of its own, so that only the server is measured. Ends when its input ends; prints the longest waits in
milliseconds and the second in which each began, as JSON.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import time
from urllib.parse import urlsplit

_BODY = b'{"query":"{ __typename }"}'
_HEADERS = {"Content-Type": "application/json", "X-Forwarded-For": "192.0.2.1"}
_EVERY_SECONDS = 0.1
_KEPT = 20


def main() -> None:
    address = urlsplit(sys.argv[1])
    waits: list[tuple[float, float]] = []
    began = time.perf_counter()
    asked = failed = 0
    while not select.select([sys.stdin], [], [], _EVERY_SECONDS)[0]:
        started = time.perf_counter()
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
        try:
            connection.request("POST", "/graphql", _BODY, _HEADERS)
            failed += b'"__typename":"Query"' not in connection.getresponse().read()
        except OSError:
            failed += 1
        finally:
            connection.close()
        asked += 1
        waits = sorted([*waits, ((time.perf_counter() - started) * 1_000, started - began)], reverse=True)[:_KEPT]
    sys.stdout.write(json.dumps({"asked": asked, "failed": failed, "longest": waits}))


if __name__ == "__main__":
    main()
