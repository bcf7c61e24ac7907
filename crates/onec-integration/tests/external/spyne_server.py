"""A SOAP server that is not ours: spyne, SOAP 1.1 and 1.2, complex types, faults.

Usage: spyne_server.py [PORT]   (0, the default, takes a free one; the address is printed)
"""

import logging
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from spyne import (
    Application, Array, Boolean, ByteArray, ComplexModel, DateTime, Decimal, Enum, Fault, Integer32, ServiceBase,
    Unicode, rpc,
)
from spyne.protocol.soap import Soap11, Soap12
from spyne.server.wsgi import WsgiApplication

logging.basicConfig(level=logging.ERROR)
SPACE = "urn:example:warehouse"
Kind = Enum("ordinary", "express", type_name="Kind")


class Line(ComplexModel):
    __namespace__ = SPACE + ":data"
    sku = Unicode(min_occurs=1, nillable=False)
    quantity = Decimal(min_occurs=1, nillable=False)
    price = Decimal(min_occurs=1, nillable=False)


class Order(ComplexModel):
    __namespace__ = SPACE + ":data"
    number = Unicode(min_occurs=1, nillable=False)
    placed_at = DateTime(min_occurs=1, nillable=False)
    urgent = Boolean(min_occurs=1, nillable=False)
    kind = Kind(min_occurs=1, nillable=False)
    lines = Array(Line, min_occurs=1)
    comment = Unicode(min_occurs=1, nillable=True)


class Total(ComplexModel):
    __namespace__ = SPACE + ":data"
    sum = Decimal(min_occurs=1)
    placed = Order.customize(min_occurs=1)


class Warehouse(ServiceBase):
    @rpc(Decimal, Decimal, _returns=Decimal)
    def add(ctx, a, b):
        return a + b

    @rpc(Order, _returns=Total)
    def place(ctx, order):
        return Total(sum=sum(line.quantity * line.price for line in order.lines).normalize(), placed=order)

    @rpc(ByteArray, _returns=ByteArray)
    def reverse(ctx, data):
        return [b"".join(data)[::-1]]

    @rpc(Unicode, _returns=Unicode)
    def nothing(ctx, text):
        assert text is None, text
        return None

    @rpc(Integer32, Integer32, _returns=(Integer32, Integer32), _out_variable_names=("quotient", "remainder"))
    def divide(ctx, a, b):
        return divmod(a, b)

    @rpc(Unicode, _returns=Unicode)
    def fail(ctx, text):
        raise Fault("Client", text)


def application(protocol):
    made = Application([Warehouse], SPACE, name="Warehouse", in_protocol=protocol(validator="lxml"), out_protocol=protocol())
    return WsgiApplication(made)


SERVICES = {"/ws/Warehouse11": application(Soap11), "/ws/Warehouse12": application(Soap12)}


def dispatch(environ, start_response):
    service = SERVICES.get(environ["PATH_INFO"])
    if service is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"404"]
    return service(environ, start_response)


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with make_server("127.0.0.1", port, dispatch, server_class=Server, handler_class=Quiet) as server:
        print(f"http://127.0.0.1:{server.server_port}/ws/", flush=True)
        server.serve_forever()
