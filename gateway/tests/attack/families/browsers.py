"""What a browser can be made to send to the admin port by a page of somebody else's."""

import http.client

from rig import must


def _ask(gateway, method, path, headers, body=None):
    connection = http.client.HTTPConnection(*gateway.admin, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    port = gateway.admin[1]
    sent = {"Host": f"127.0.0.1:{port}", **headers}
    if body is not None:
        sent["Content-Length"] = str(len(body))
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def cross_site(gateway, scale):
    """Foreign Origin, foreign Host (DNS rebinding), simple requests: nothing is changed or shown."""
    change = ("POST", "/admin/breakers/process/open")
    refused = [
        (*change, {"Origin": "http://evil.example"}, b""),
        (*change, {"Sec-Fetch-Site": "cross-site"}, b""),
        (*change, {"Host": "evil.example"}, b""),
        (*change, {"Content-Type": "text/plain"}, b"{}"),
        (*change, {"Content-Type": "application/x-www-form-urlencoded"}, b"a=b"),
        ("GET", "/admin/config", {"Host": "evil.example"}, None),
        ("GET", "/admin/config", {"Host": "evil.example:80"}, None),
        ("GET", "/admin/config", {"Origin": "null"}, None),
        ("GET", "/metrics", {"Host": "127.0.0.1.evil.example"}, None),
    ]
    for method, path, headers, body in refused:
        status = _ask(gateway, method, path, headers, body)
        must(status in (403, 415), f"{method} {path} {headers}: {status}")
    port = gateway.admin[1]
    allowed = [
        {},
        {"Host": f"localhost:{port}"},
        {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
    ]
    for headers in allowed:
        status = _ask(gateway, "GET", "/admin/config", headers)
        must(status == 200, f"{headers}: {status}")


FAMILIES = [cross_site]
