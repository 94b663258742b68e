"""Drives a server with toxiproxy-python: python3 drive.py PORT"""

import json
import socket
import sys
import threading
import time

from toxiproxy import Toxiproxy
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists


def echo():
    """An upstream that sends back whatever comes; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(stream):
        with stream:
            while data := stream.recv(65536):
                stream.sendall(data)

    def accept():
        while True:
            stream, _ = listener.accept()
            threading.Thread(target=serve, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return "127.0.0.1:%d" % listener.getsockname()[1]


def connect(proxy):
    host, port = proxy.listen.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=30)


def round_trip(stream, data=b"hello"):
    """Sends data, reads it back, and says how long that took."""
    began = time.monotonic()
    stream.sendall(data)
    back = b""
    while len(back) < len(data):
        more = stream.recv(65536)
        assert more, "ended after %r" % back
        back += more
    assert back == data
    return time.monotonic() - began


def raises(error, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except error as raised:
        return str(raised)
    raise AssertionError("no %s" % error)


toxiproxy = Toxiproxy()
toxiproxy.update_api_consumer("127.0.0.1", int(sys.argv[1]))
assert toxiproxy.running()
assert json.loads(toxiproxy.version()) == {"version": "2.12.0"}
toxiproxy.destroy_all()
assert toxiproxy.proxies() == {}

upstream = echo()
proxy = toxiproxy.create(upstream=upstream, name="echo")
assert (proxy.name, proxy.upstream, proxy.enabled) == ("echo", upstream, True)
assert not proxy.listen.endswith(":0")
raises(ProxyExists, toxiproxy.create, upstream=upstream, name="echo")
assert toxiproxy.get_proxy("other") is None
assert list(toxiproxy.proxies()) == ["echo"]

stream = connect(proxy)
round_trip(stream)
proxy.add_toxic(type="latency", attributes={"latency": 100, "jitter": 10})
assert round_trip(stream) >= 0.09
toxic = proxy.get_toxic("latency_downstream")
assert (toxic.type, toxic.stream, toxic.toxicity) == ("latency", "downstream", 1)
assert toxic.attributes == {"latency": 100, "jitter": 10}
proxy.add_toxic(type="latency", stream="upstream", name="up", attributes={"latency": 100})
assert round_trip(stream) >= 0.19
assert list(proxy.toxics()) == ["up", "latency_downstream"]
assert "invalid toxic type" in raises(InvalidToxic, proxy.add_toxic, type="latencyyyy")
stream_error = raises(InvalidToxic, proxy.add_toxic, type="latency", stream="sideways")
assert "stream was invalid" in stream_error
assert proxy.destroy_toxic("up")
assert "toxic not found" in raises(NotFound, proxy.destroy_toxic, "up")

with proxy.down():
    assert stream.recv(1) == b""
    raises(ConnectionRefusedError, connect, proxy)
    assert toxiproxy.get_proxy("echo").enabled is False
round_trip(connect(proxy))

proxy.add_toxic(type="reset_peer", stream="upstream", attributes={"timeout": 0})
stream = connect(proxy)
stream.sendall(b"hello")
raises(ConnectionResetError, stream.recv, 1)
assert toxiproxy.reset()
assert proxy.toxics() == {}
round_trip(connect(proxy))

others = toxiproxy.populate(
    [
        {"name": "one", "upstream": upstream, "listen": "127.0.0.1:0"},
        {"name": "two", "upstream": upstream, "listen": "127.0.0.1:0", "enabled": False},
    ]
)
assert [proxy.enabled for proxy in others] == [True, False]
assert others[0].destroy() and toxiproxy.get_proxy("one") is None
raises(NotFound, others[0].destroy)
toxiproxy.destroy_all()
assert toxiproxy.proxies() == {}
print("all of it passed")
